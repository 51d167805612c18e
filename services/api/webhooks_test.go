package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/services/api/apitest"
	"rollcall.example/services/webhook/registry"
)

func (r *rig) webhook(who, body string) apitest.Reply {
	r.T.Helper()
	return r.Do(who, http.MethodPost, "/webhooks", strings.NewReader(body), "application/json")
}

func TestWebhooksAreRegisteredListedAndDeleted(t *testing.T) {
	r := newRig(t)
	job := r.Upload("alice member")
	a := r.webhook("alice member", `{"url":"https://example.org/hook?key=1"}`)
	secret, _ := a.Data["secret"].(string)
	if a.Status != 201 || !strings.HasPrefix(secret, "whsec_") || len(secret) < 40 || len(a.Data["events"].([]any)) != 3 ||
		a.Data["job_id"] != nil {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	id := a.Data["id"].(string)
	b := r.webhook("alice member",
		fmt.Sprintf(`{"url":"https://example.org:8443/","job_id":%q,"events":["failed","failed"]}`, job))
	if b.Status != 201 || b.Data["job_id"] != job || len(b.Data["events"].([]any)) != 1 || b.Data["secret"] == secret {
		t.Fatalf("%d %s", b.Status, b.Raw)
	}
	c := r.webhook("root national_admin", fmt.Sprintf(`{"url":"https://example.org","job_id":%q}`, job))
	if c.Status != 201 {
		t.Errorf("an administrator follows a job: %d %s", c.Status, c.Raw)
	}
	list := r.Get("alice member", "/webhooks")
	hooks := list.Data["webhooks"].([]any)
	if len(hooks) != 2 || strings.Contains(string(list.Raw), "whsec_") || hooks[0].(map[string]any)["id"] != id {
		t.Errorf("%s", list.Raw)
	}

	r.Exec(`INSERT INTO webhook_deliveries (webhook_id, seq, job_id, kind, state, attempts, status, error)
VALUES ('` + id + `', 7, '` + job + `', 'failed', 'pending', 1, 503, 'the receiver answered 503'),
       ('` + id + `', 9, '` + job + `', 'reported', 'delivered', 1, 200, NULL)`)
	deliveries := r.Get("alice member", "/webhooks/"+id+"/deliveries")
	if got := deliveries.Data["deliveries"].([]any); len(got) != 2 || got[0].(map[string]any)["seq"] != 9.0 ||
		got[1].(map[string]any)["next_attempt_at"] == nil {
		t.Errorf("%s", deliveries.Raw)
	}

	for _, path := range []string{"/webhooks/" + id, "/webhooks/wh-none", "/webhooks/%00"} {
		if f := r.Do("bob member", http.MethodDelete, path, nil, ""); f.Status != 404 || f.Error.Code != "not_found" {
			t.Errorf("%s of somebody else: %d %s", path, f.Status, f.Raw)
		}
		if f := r.Get("bob national_admin", path+"/deliveries"); f.Status != 404 {
			t.Errorf("%s of somebody else: %d %s", path, f.Status, f.Raw)
		}
	}
	if d := r.Do("alice member", http.MethodDelete, "/webhooks/"+id, nil, ""); d.Status != 200 || d.Data["id"] != id {
		t.Errorf("%d %s", d.Status, d.Raw)
	}
	if f := r.Get("alice member", "/webhooks/"+id+"/deliveries"); f.Status != 404 {
		t.Errorf("deliveries of one that was deleted: %d %s", f.Status, f.Raw)
	}
	if p := r.Do("alice member", http.MethodPut, "/webhooks/"+id, nil, ""); p.Status != 405 ||
		p.Header.Get("Allow") != http.MethodDelete {
		t.Errorf("%d %s", p.Status, p.Raw)
	}
}

func TestBadWebhooksAreRefused(t *testing.T) {
	r := newRig(t)
	foreign := r.Upload("bob member")
	for body, want := range map[string]int{
		``: 400, `[]`: 400, `{}`: 400, `{"url":"https://a.example","extra":1}`: 400,
		`{"url":"http://a.example"}`: 400, `{"url":"ftp://a.example"}`: 400, `{"url":"https://"}`: 400,
		`{"url":"https://u:p@a.example"}`: 400,
		`{"url":"https://a.example/#x"}`:  400, `{"url":"https://a.example/` + strings.Repeat("x", 2000) + `"}`: 400,
		`{"url":"https://a.example","events":[]}`: 400, `{"url":"https://a.example","events":["validated"]}`: 400,
		`{"url":"https://a.example","job_id":"` + foreign + `"}`:           404,
		`{"url":"https://a.example","job_id":"` + events.NewJobID() + `"}`: 404,
		`{"url":"https://a.example","job_id":"x.>"}`:                       404,
	} {
		if a := r.webhook("alice member", body); a.Status != want {
			t.Errorf("%s: %d %s", body, a.Status, a.Raw)
		}
	}
	for i := range registry.MaxWebhooks + 1 {
		a := r.webhook("alice member", `{"url":"https://a.example"}`)
		if want := map[bool]int{true: 201, false: 409}[i < registry.MaxWebhooks]; a.Status != want {
			t.Fatalf("the %dth: %d %s", i+1, a.Status, a.Raw)
		}
	}
	if a := r.webhook("bob member", `{"url":"https://a.example"}`); a.Status != 201 {
		t.Errorf("somebody else's: %d %s", a.Status, a.Raw)
	}
	local := newRig(t, func(c *apitest.Config) { c.Webhooks.Private = true })
	if a := local.webhook("alice member", `{"url":"http://127.0.0.1:8000"}`); a.Status != 201 {
		t.Errorf("where it is allowed: %d %s", a.Status, a.Raw)
	}
}

// Integrators hear of every turn of a job that they ask for; who asks for nothing gets
// what there always was.
func TestWebhooksForEachKind(t *testing.T) {
	r := newRig(t)
	for _, kind := range events.WebhookKinds {
		a := r.webhook("alice member", fmt.Sprintf(`{"url":"https://a.example","events":[%q]}`, kind))
		if got, _ := a.Data["events"].([]any); a.Status != 201 || len(got) != 1 || got[0] != string(kind) {
			t.Errorf("%s: %d %s", kind, a.Status, a.Raw)
		}
	}
	for _, kind := range []events.Kind{events.KindUploaded, events.KindCancelled, events.KindWarned} {
		if !slices.Contains(events.WebhookKinds, kind) {
			t.Errorf("no webhooks for %s", kind)
		}
	}
	if a := r.webhook("alice member", `{"url":"https://a.example","events":["test"]}`); a.Status != 400 {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

func TestSecretIsRotated(t *testing.T) {
	r := newRig(t)
	made := r.webhook("alice member", `{"url":"https://example.org/hook"}`)
	path := "/webhooks/" + made.Data["id"].(string)
	first := made.Data["secret"].(string)
	a := r.Do("alice member", http.MethodPost, path+"/rotate", nil, "")
	second, _ := a.Data["secret"].(string)
	until, err := time.Parse(time.RFC3339Nano, fmt.Sprint(a.Data["old_secret_until"]))
	if a.Status != 200 || !strings.HasPrefix(second, "whsec_") || second == first || err != nil ||
		time.Until(until).Round(time.Hour) != 24*time.Hour {
		t.Fatalf("%d %s %v", a.Status, a.Raw, err)
	}
	stored := func() (now, old string) {
		if err := r.DB.QueryRow(`SELECT secret, old_secret FROM webhooks`).Scan(&now, &old); err != nil {
			t.Fatal(err)
		}
		return now, old
	}
	if now, old := stored(); now != second || old != first {
		t.Error("the secrets are not those that were told")
	}
	third, _ := r.Do("alice member", http.MethodPost, path+"/rotate", nil, "").Data["secret"].(string)
	if now, old := stored(); now != third || old != second {
		t.Error("after the second rotation the last two are not kept")
	}
	if list := r.Get("alice member", "/webhooks"); strings.Contains(string(list.Raw), "whsec_") ||
		!strings.Contains(string(list.Raw), `"old_secret_until":"`) {
		t.Errorf("%s", list.Raw)
	}
	r.Exec(`UPDATE webhooks SET old_secret_until = now() - interval '1 second'`)
	if list := r.Get("alice member", "/webhooks"); !strings.Contains(string(list.Raw), `"old_secret_until":null`) {
		t.Errorf("%s", list.Raw)
	}
}

func TestWebhookIsTested(t *testing.T) {
	r := newRig(t)
	made := r.webhook("alice member", `{"url":"https://example.org/hook"}`)
	path := "/webhooks/" + made.Data["id"].(string)
	for range 2 { // the second finds the first
		a := r.Do("alice member", http.MethodPost, path+"/test", nil, "")
		if a.Status != 202 || a.Data["event"] != "test" || a.Data["state"] != "pending" || a.Data["job_id"] != nil ||
			a.Data["seq"] != nil {
			t.Fatalf("%d %s", a.Status, a.Raw)
		}
	}
	if list := r.Get("alice member", path+"/deliveries"); len(list.Data["deliveries"].([]any)) != 1 {
		t.Errorf("%s", list.Raw)
	}
	for _, verb := range []string{"/test", "/rotate"} {
		for _, of := range []string{path, "/webhooks/wh-none"} {
			if f := r.Do("bob national_admin", http.MethodPost, of+verb, nil, ""); f.Status != 404 {
				t.Errorf("%s of somebody else: %d %s", verb, f.Status, f.Raw)
			}
		}
	}
}
