package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/revocation"
	"rollcall.example/services/api/apitest"
)

const casePerson = "8001015009087"

func (r *rig) caseRequest(who, body string) apitest.Reply {
	r.T.Helper()
	return r.Do(who, http.MethodPost, "/cases", strings.NewReader(body), "application/json")
}

func (r *rig) decideCase(who, id, decision, reason string) apitest.Reply {
	r.T.Helper()
	return r.Do(who, http.MethodPost, "/cases/"+id+"/"+decision,
		strings.NewReader(fmt.Sprintf(`{"reason":%q}`, reason)), "application/json")
}

func (r *rig) openCase(who, kind string) string {
	r.T.Helper()
	a := r.caseRequest(who, fmt.Sprintf(`{"kind":%q,"id_number":%q,"reason":"By letter."}`, kind, casePerson))
	if a.Status != http.StatusAccepted || a.Data["status"] != string(cases.Awaiting) {
		r.T.Fatalf("open: %d %s", a.Status, a.Raw)
	}
	return a.Data["case_id"].(string)
}

// finishExport ends a case as the service privacy does.
func (r *rig) finishExport(id, text string) {
	r.T.Helper()
	js := eventstest.Connect(r.T, r.NATS, "privacy")
	log, store := cases.NewLog(js, "privacy", nil), events.NewStore(js)
	c, err := log.Load(r.T.Context(), id)
	if err != nil {
		r.T.Fatal(err)
	}
	a, err := c.StoreExport(r.T.Context(), store, r.Key, []byte(text))
	if err != nil {
		r.T.Fatal(err)
	}
	if err := log.Append(r.T.Context(), &c, id, &cases.Completed{Export: &a, Result: cases.Result{
		Jobs: []string{}, Busy: []string{}, Unread: []string{}, Remains: []cases.Place{}, Possible: []cases.Place{},
	}}); err != nil {
		r.T.Fatal(err)
	}
}

const olga, ivy = "olga information_officer", "ivy information_officer"

func TestACaseIsAskedForApprovedAndRead(t *testing.T) {
	r := newRig(t, defaultPolicy)
	id := r.openCase(olga, "export")
	if a := r.Get(olga, "/cases/"+id+"/export"); a.Status != 409 || a.Error.Code != "not_ready" {
		t.Errorf("read before it was approved: %d %s", a.Status, a.Raw)
	}
	for _, decision := range []string{"approve", "decline"} {
		if a := r.decideCase(olga, id, decision, "Mine."); a.Status != 403 || a.Error.Details["reason"] != "four_eyes" {
			t.Errorf("%s of one's own: %d %s", decision, a.Status, a.Raw)
		}
		for _, reason := range []string{"", "It is 800101 5009 087."} {
			if a := r.decideCase(ivy, id, decision, reason); a.Status != 400 {
				t.Errorf("%s because of %q: %d %s", decision, reason, a.Status, a.Raw)
			}
		}
	}
	if a := r.decideCase(ivy, id, "approve", "Signed."); a.Status != 202 || a.Data["status"] != "open" {
		t.Fatalf("approve: %d %s", a.Status, a.Raw)
	}
	if a := r.decideCase(ivy, id, "decline", "Too late."); a.Status != 409 || a.Error.Details["status"] != "open" {
		t.Errorf("decline one that was approved: %d %s", a.Status, a.Raw)
	}
	r.finishExport(id, `{"member":null,"jobs":[],"objected":false}`)
	if a := r.Get(olga, "/cases/"+id+"/export"); a.Status != 200 || a.Data["objected"] != false {
		t.Errorf("read: %d %s", a.Status, a.Raw)
	}
	other := r.openCase(olga, "erase")
	if a := r.decideCase(ivy, other, "decline", "Not signed."); a.Status != 200 || a.Data["status"] != "declined" {
		t.Errorf("decline: %d %s", a.Status, a.Raw)
	}
	if a := r.Get(olga, "/cases/"+other+"/export"); a.Status != 404 {
		t.Errorf("the export of an erasure: %d %s", a.Status, a.Raw)
	}
	list := r.Get(olga, "/cases?limit=1")
	if got := list.Data["cases"].([]any); list.Data["total"] != 2.0 || got[0].(map[string]any)["case_id"] != other {
		t.Errorf("list: %s", list.Raw)
	}
	var did []string
	for _, a := range r.accesses("") {
		if a.Person != r.Key.Hash(casePerson) || a.From == "" {
			t.Errorf("%+v", a)
		}
		did = append(did, a.By.ID+" "+string(a.What))
	}
	want := []string{"olga request", "ivy approval", "olga export", "olga request", "ivy refusal"}
	if !slices.Equal(did, want) {
		t.Errorf("the audit has %q, want %q", did, want)
	}
	if strings.Contains(r.Logs.String(), casePerson) {
		t.Error("the log has the ID number")
	}
}

func TestBadCasesAreRefused(t *testing.T) {
	r := newRig(t, defaultPolicy)
	for body, want := range map[string]int{
		``: 400, `[]`: 400, `{"kind":"erase"}`: 400,
		`{"kind":"object","id_number":"8001015009087","reason":"x"}`:            400,
		`{"kind":"erase","id_number":"8001015009087","reason":""}`:              400,
		`{"kind":"erase","id_number":"8001015009087","reason":"8001015009087"}`: 400,
		`{"kind":"erase","id_number":"80010150090","reason":"x"}`:               400,
		`{"kind":"erase","id_number":"8001015009087","reason":"x","y":1}`:       400,
	} {
		if a := r.caseRequest(olga, body); a.Status != want || strings.Contains(string(a.Raw), "80010150") {
			t.Errorf("%s: %d %s", body, a.Status, a.Raw)
		}
	}
	for _, path := range []string{"/cases/" + cases.NewID(), "/cases/" + casePerson, "/cases/%3E"} {
		if a := r.Get(olga, path); a.Status != 404 || strings.Contains(string(a.Raw), casePerson) {
			t.Errorf("%s: %d %s", path, a.Status, a.Raw)
		}
	}
	if n := len(r.accesses("")); n != 0 {
		t.Errorf("%d accesses of nobody", n)
	}
	if strings.Contains(r.Logs.String(), casePerson) {
		t.Error("the log has the ID number")
	}
}

func TestAnAdministratorRevokes(t *testing.T) {
	r := newRig(t, defaultPolicy)
	post := func(who, body string) apitest.Reply {
		return r.Do(who, http.MethodPost, "/revocations", strings.NewReader(body), "application/json")
	}
	for _, body := range []string{``, `{}`, `{"jti":"a","user_id":"b"}`, `{"jti":"a","until":"2001-01-01T00:00:00Z"}`} {
		if a := post("root super_admin", body); a.Status != 400 {
			t.Errorf("%s: %d %s", body, a.Status, a.Raw)
		}
	}
	if a := post("nat national_admin", `{"jti":"a"}`); a.Status != 403 {
		t.Errorf("without the permission: %d %s", a.Status, a.Raw)
	}
	for _, body := range []string{`{"jti":"a"}`, `{"user_id":"alice","until":"2099-01-01T00:00:00Z"}`} {
		if a := post("root super_admin", body); a.Status != 201 || a.Data["by"] != "root" {
			t.Errorf("%s: %d %s", body, a.Status, a.Raw)
		}
	}
	// As each process sees it.
	list, err := revocation.List(t.Context(), eventstest.Connect(t, r.NATS, "gateway"))
	if err != nil || len(list) != 2 || list[0].TokenID != "a" || list[1].User != "alice" || list[1].Until.Year() != 2099 {
		t.Errorf("%+v, %v", list, err)
	}
}
