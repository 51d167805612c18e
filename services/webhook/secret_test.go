package webhook

import (
	"net/http"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// After a rotation a receiver that knows the old secret and one that knows the new both
// verify what comes, until the day is over.
func TestBothSecretsSignForADay(t *testing.T) {
	r := newRig(t)
	rec := newReceiver(t, answerOK)
	const newer = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
	r.addWebhook("wh-1", rec.URL, "", events.KindFailed)
	r.exec(`UPDATE webhooks SET secret = $1, old_secret_until = now() + interval '1 day'`, newer)
	verified := func(n int) (by []bool, signatures int) {
		eventstest.Wait(t, "the delivery", func() bool { return rec.countRequests() == n })
		rec.mu.Lock()
		defer rec.mu.Unlock()
		for _, s := range []string{secret, newer} {
			check, err := standardwebhooks.NewWebhook(s)
			if err != nil {
				t.Fatal(err)
			}
			by = append(by, check.Verify([]byte(rec.bodies[n-1]), rec.got[n-1].Header) == nil)
		}
		return by, len(strings.Fields(rec.got[n-1].Header.Get("webhook-signature")))
	}
	r.failJob(alice)
	if by, n := verified(1); !by[0] || !by[1] || n != 2 {
		t.Errorf("within the day: %v, %d signatures", by, n)
	}
	r.exec(`UPDATE webhooks SET old_secret_until = now() - interval '1 second'`)
	r.failJob(alice)
	if by, n := verified(2); by[0] || !by[1] || n != 1 {
		t.Errorf("after the day: %v, %d signatures", by, n)
	}
}

// askForTest asks for a test as the registry does.
func (r *rig) askForTest(id string, seq int) {
	r.t.Helper()
	r.exec(`INSERT INTO webhook_deliveries (webhook_id, seq, job_id, kind) VALUES ($1, $2, '', 'test')`, id, seq)
}

func TestATestIsPostedSignedAndCountsAgainstNobody(t *testing.T) {
	r := newRig(t)
	rec, up, _ := failingReceiver(t)
	r.addWebhook("wh-1", rec.URL, "", events.KindPaused)
	r.askForTest("wh-1", -1)
	if got := r.waitState("wh-1", "failed"); got.Attempts != 1 || *got.Status != http.StatusServiceUnavailable {
		t.Errorf("%+v", got)
	}
	if n := r.count(`SELECT count(*) FROM webhooks WHERE failures = 0 AND failing_since IS NULL`); n != 1 {
		t.Error("a test that failed counts against the receiver")
	}
	up.Store(true)
	// A test that is taken ends an outage, and enables what was disabled.
	r.exec(`UPDATE webhooks SET failures = 3, failing_since = now(), probe_at = now() + interval '1 hour',
  disabled_at = now(), disabled_reason = 'no delivery has been taken for 72 hours'`)
	r.askForTest("wh-1", -2)
	r.waitState("wh-1", "delivered")
	if n := r.count(`SELECT count(*) FROM webhooks
WHERE failures = 0 AND failing_since IS NULL AND probe_at IS NULL AND disabled_at IS NULL`); n != 1 {
		t.Error("the webhook is still disabled")
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	check, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := check.Verify([]byte(rec.bodies[1]), rec.got[1].Header); err != nil {
		t.Error(err)
	}
	for _, want := range []string{`"type":"rollcall.webhook.test"`, `"subject":"wh-1"`, `"id":"test-wh-1-2"`} {
		if !strings.Contains(rec.bodies[1], want) {
			t.Errorf("no %s in %s", want, rec.bodies[1])
		}
	}
}

// Each kind that can be asked for arrives.
func TestUploadedAndCancelledArePosted(t *testing.T) {
	r := newRig(t)
	rec := newReceiver(t, answerOK)
	r.addWebhook("wh-1", rec.URL, "", events.KindUploaded, events.KindCancelled, events.KindWarned)
	log := events.NewLog(eventstest.Connect(t, r.nats, "upload"), events.StageUpload, nil)
	job := eventstest.Upload(t, log, alice, events.Artifact{}, events.Options{})
	eventstest.Append(t, log, &job, &events.Cancelled{Stage: events.StageValidation, By: alice})
	eventstest.Wait(t, "both to be posted", func() bool { return rec.countRequests() == 2 })
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for i, want := range []string{"rollcall.bulk.uploaded", "rollcall.bulk.cancelled"} {
		if !strings.Contains(rec.bodies[i], `"type":"`+want+`"`) {
			t.Errorf("no %s in %s", want, rec.bodies[i])
		}
	}
}
