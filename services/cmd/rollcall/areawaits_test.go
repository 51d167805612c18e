package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/webhook"
)

// receiver is a server that an integrator has registered, with what it was sent.
type receiver struct {
	mu  sync.Mutex
	got strings.Builder
}

func (r *receiver) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	text, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.got, "%v %s %v\n", req.Header, text, err)
}

func (r *receiver) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got.String()
}

// receive registers a receiver of each kind of event of alice's jobs.
func (p *pipeline) receive() *receiver {
	p.t.Helper()
	to := &receiver{}
	srv := httptest.NewServer(to)
	p.t.Cleanup(srv.Close)
	kinds := make([]string, len(events.WebhookKinds))
	for i, k := range events.WebhookKinds {
		kinds[i] = string(k)
	}
	if _, err := p.db.Exec(`INSERT INTO webhooks (id, owner_id, url, kinds, secret, created_at)
VALUES ('wh-1', 'alice', $1, string_to_array($2, ','), 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=', now())`,
		srv.URL, strings.Join(kinds, ",")); err != nil {
		p.t.Fatal(err)
	}
	p.runInBackground("webhook", webhook.New(webhook.Config{
		JetStream: eventstest.Connect(p.t, p.nats, "webhook"), DB: p.db,
		Private: true, Timeout: 5 * time.Second, Poll: 20 * time.Millisecond}).Run)
	return to
}

// A job that waits for approval, whose row names a member elsewhere, shows as little of
// that member as one that has ended: in passports, in the list of rows, and in the bytes
// that webhooks send.
func TestAWaitingJobShowsNothingOfMembersOfAnotherArea(t *testing.T) {
	t.Parallel()
	const header = "ID Number,Firstname,Ward,Residential Address\n"
	p := newPipeline(t)
	p.start()
	first := p.uploadIn("root", events.Country(), header+rollIDs[0]+",Secretname,19100001,1 Hidden Road\n",
		events.Options{})
	p.waitForEnd(first.ID, events.KindReported)
	hook := p.receive()

	ward := events.Area{Level: events.AreaWard, Codes: []string{"79800001"}}
	roll := header + rollIDs[0] + ",Mine,79800001,\n" + rollIDs[1] + ",Mine,79800001,\n"
	job := p.waitForEnd(p.uploadIn("alice", ward, roll, events.Options{Approval: true}).ID, events.KindProposed)
	check := func(seen map[string]string) {
		t.Helper()
		for path, text := range seen {
			for _, secret := range []string{"Secret", "Hidden", "19100001", first.ID} {
				if strings.Contains(text, secret) {
					t.Errorf("%s shows %q: %s", path, secret, text)
				}
			}
		}
	}
	passport := "/jobs/" + job.ID + "/rows/2"
	seen := map[string]string{"/status/" + job.ID: p.fetch("/status/" + job.ID), passport: p.fetch(passport)}
	list := "/jobs/" + job.ID + "/rows"
	seen[list], seen["csv "+list] = p.fetch(list), p.fetchAs("text/csv", list)
	check(seen)
	if text := seen[passport]; !strings.Contains(text, `"result":"transfer"`) ||
		!strings.Contains(text, `"iec":{"status":"none"`) {
		t.Errorf("the passport says %s", text)
	}
	if text := seen[list]; !strings.Contains(text, `"row":2,"status":"transfer","statuses":["valid","transfer"]`) ||
		!strings.Contains(text, `"dry_run":true`) {
		t.Errorf("the list says %s", text)
	}

	done := p.waitForEnd(p.uploadIn("alice", ward, roll, events.Options{}).ID, events.KindReported)
	eventstest.Wait(t, "the webhook", func() bool { return strings.Contains(hook.text(), "rollcall.bulk.reported") })
	if text := hook.text(); !strings.Contains(text, done.ID) || !strings.Contains(text, `"transfers":1`) {
		t.Errorf("the receiver got %s", text)
	}
	check(map[string]string{"webhook": hook.text()})
}
