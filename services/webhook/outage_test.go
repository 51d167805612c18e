package webhook

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// probeNow makes the next probe due, as if its time had come.
func (r *rig) probeNow(id string) {
	r.t.Helper()
	r.exec(`UPDATE webhooks SET probe_at = now() WHERE id = $1`, id)
}

func (r *rig) count(query string, args ...any) (n int) {
	r.t.Helper()
	if err := r.db.Get(&n, query, args...); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// failingReceiver answers 503 until up is set.
func failingReceiver(t *testing.T) (rec *receiver, up *atomic.Bool, atOnce *atomic.Int32) {
	up, atOnce = &atomic.Bool{}, &atomic.Int32{}
	var now atomic.Int32
	return newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		if n := now.Add(1); n > atOnce.Load() {
			atOnce.Store(n)
		}
		defer now.Add(-1)
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}), up, atOnce
}

// As shipped: 30 jobs fail while the receiver is being replaced, and seventy probes find it away.
func TestAnOutageOfABusyReceiverDisablesNothing(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Waits, c.FirstProbe = nil, time.Hour })
	rec, up, atOnce := failingReceiver(t)
	r.addWebhook("wh-1", rec.URL, "", events.KindFailed)
	for range 30 {
		r.failJob(alice)
	}
	eventstest.Wait(t, "all deliveries to wait", func() bool {
		return r.count(`SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'`) == 30 &&
			r.count(`SELECT count(*) FROM webhooks WHERE failing_since IS NOT NULL`) == 1
	})
	for n := range 70 {
		if got := rec.countRequests(); got != n+1 {
			t.Fatalf("%d requests after %d probes", got, n)
		}
		r.probeNow("wh-1")
		eventstest.Wait(t, "the probe to fail", func() bool {
			return r.count(`SELECT failures FROM webhooks WHERE id = 'wh-1'`) == n+2
		})
	}
	if why := r.disabledReason("wh-1"); why != "" {
		t.Fatalf("disabled: %s", why)
	}
	up.Store(true)
	r.probeNow("wh-1")
	// The one that failed first waits for its own second attempt.
	eventstest.Wait(t, "the others to be delivered", func() bool {
		return r.count(`SELECT count(*) FROM webhook_deliveries WHERE state = 'delivered'`) >= 29
	})
	r.exec(`UPDATE webhook_deliveries SET due_at = now() WHERE state = 'pending'`)
	eventstest.Wait(t, "all to be delivered", func() bool {
		return r.count(`SELECT count(*) FROM webhook_deliveries WHERE state = 'delivered'`) == 30
	})
	if n := r.count(`SELECT count(*) FROM webhooks WHERE failures = 0 AND failing_since IS NULL`); n != 1 {
		t.Error("the receiver is still taken for failing")
	}
	if atOnce.Load() != 1 {
		t.Errorf("%d requests at once", atOnce.Load())
	}
}

func TestThreeDaysOfFailingDisable(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Waits, c.FirstProbe = nil, time.Hour })
	rec, _, _ := failingReceiver(t)
	r.addWebhook("wh-1", rec.URL, "", events.KindFailed)
	r.failJob(alice)
	failures := func(n int) func() bool {
		return func() bool { return r.count(`SELECT failures FROM webhooks WHERE id = 'wh-1'`) == n }
	}
	eventstest.Wait(t, "the first attempt to fail", failures(1))
	// Four days in which nothing was tried do not count.
	r.exec(`UPDATE webhooks SET failing_since = now() - interval '4 days', probe_at = now() - interval '4 days'`)
	eventstest.Wait(t, "the second attempt to fail", failures(2))
	if why := r.disabledReason("wh-1"); why != "" {
		t.Fatalf("disabled: %s", why)
	}
	r.exec(`UPDATE webhooks SET failing_since = now() - interval '71 hours', probe_at = now()`)
	eventstest.Wait(t, "the third attempt to fail", failures(3))
	if why := r.disabledReason("wh-1"); why != "" {
		t.Fatalf("disabled: %s", why)
	}
	r.exec(`UPDATE webhooks SET failing_since = now() - interval '72 hours 1 second', probe_at = now()`)
	eventstest.Wait(t, "the webhook to be disabled", func() bool {
		return r.disabledReason("wh-1") == "no delivery has been taken for 72 hours"
	})
	if got := r.waitState("wh-1", "failed"); got.Attempts != 4 || *got.Error != "the webhook was disabled" {
		t.Errorf("delivery %+v", got)
	}
}

// A receiver that refuses one event for ever gets the others meanwhile, and that one is given up.
func TestOneRefusedEventHoldsUpNoOther(t *testing.T) {
	r := newRig(t)
	var refused atomic.Value
	rec := newReceiver(t, func(_ int, w http.ResponseWriter, req *http.Request) {
		id := req.Header.Get("webhook-id")
		refused.CompareAndSwap(nil, id)
		if refused.Load() == id {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	r.addWebhook("wh-1", rec.URL, "", events.KindFailed)
	r.failJob(alice)
	eventstest.Wait(t, "the first to be refused", func() bool { return rec.countRequests() > 0 })
	for n := range 4 {
		r.failJob(alice)
		eventstest.Wait(t, "the next to be delivered", func() bool {
			return r.count(`SELECT count(*) FROM webhook_deliveries WHERE state = 'delivered'`) == n+1
		})
	}
	eventstest.Wait(t, "the first to be given up", func() bool {
		if r.count(`SELECT count(*) FROM webhook_deliveries WHERE state = 'failed'`) == 1 {
			return true
		}
		r.failJob(alice)
		return false
	})
	if why := r.disabledReason("wh-1"); why != "" {
		t.Errorf("disabled: %s", why)
	}
}

// A fault on our side, such as an event that was deleted meanwhile, is not the receiver's.
func TestOurFaultsAreNotTheReceivers(t *testing.T) {
	r := newRig(t)
	rec := newReceiver(t, answerOK)
	r.addWebhook("wh-1", rec.URL, "", events.KindFailed)
	r.exec(`INSERT INTO webhook_deliveries (webhook_id, seq, job_id, kind) VALUES ('wh-1', 1000, $1, 'failed')`,
		events.NewJobID())
	r.waitState("wh-1", "failed")
	if n := r.count(`SELECT count(*) FROM webhooks WHERE failures = 0 AND failing_since IS NULL`); n != 1 {
		t.Error("the receiver is taken for failing")
	}
}
