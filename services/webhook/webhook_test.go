package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m, eventstest.IgnoreLeaks()...) }

const secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

var alice = events.User{ID: "alice", Role: "member"}

type rig struct {
	t    *testing.T
	nats *embedded.Server
	db   *sqlx.DB
	logs *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newRig runs the service until the test ends.
func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, nats: eventstest.Start(t), db: postgrestest.New(t), logs: &lockedBuffer{}}
	cfg := Config{
		JetStream: eventstest.Connect(t, r.nats, "webhook"), DB: r.db, Private: true, Timeout: 5 * time.Second,
		Poll:  20 * time.Millisecond,
		Waits: []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}, FirstProbe: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- New(cfg).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if strings.Contains(r.logs.String(), "whsec") || strings.Contains(r.logs.String(), "http://") {
			t.Errorf("a secret or a URL was logged: %s", r.logs)
		}
	})
	return r
}

func (r *rig) exec(statement string, args ...any) {
	r.t.Helper()
	if _, err := r.db.Exec(statement, args...); err != nil {
		r.t.Fatal(err)
	}
}

// addWebhook registers a webhook of alice.
func (r *rig) addWebhook(id, url, job string, kinds ...events.Kind) {
	r.t.Helper()
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	r.exec(`INSERT INTO webhooks (id, owner_id, job_id, url, kinds, secret, created_at)
VALUES ($1, 'alice', nullif($2, ''), $3, string_to_array($4, ','), $5, now())`,
		id, job, url, strings.Join(names, ","), secret)
}

// failJob makes a job of owner that has failed.
func (r *rig) failJob(owner events.User) events.Job {
	r.t.Helper()
	job := eventstest.Upload(r.t, events.NewLog(eventstest.Connect(r.t, r.nats, "upload"), events.StageUpload, nil),
		owner, events.Artifact{}, events.Options{})
	fact := &events.Failed{Stage: events.StageValidation, Code: "no_rows", Message: "The workbook has no rows.",
		Attempts: 1}
	eventstest.Append(r.t, events.NewLog(eventstest.Connect(r.t, r.nats, "validation"), events.StageValidation, nil),
		&job, fact)
	return job
}

// waitConsumed waits until the service has handled all events, so that a webhook that
// is added afterwards gets none of them.
func (r *rig) waitConsumed() {
	r.t.Helper()
	js := eventstest.Connect(r.t, r.nats, "webhook")
	eventstest.Wait(r.t, "all events to be consumed", func() bool {
		c, err := js.Consumer(r.t.Context(), events.StreamFacts, events.ConsumerWebhook)
		return err == nil && c.CachedInfo().NumPending == 0 && c.CachedInfo().NumAckPending == 0
	})
}

type deliveryRow struct {
	State    string  `db:"state"`
	Attempts int     `db:"attempts"`
	Status   *int    `db:"status"`
	Error    *string `db:"error"`
}

func (r *rig) firstDelivery(id string) (got deliveryRow, ok bool) {
	r.t.Helper()
	var rows []deliveryRow
	if err := r.db.Select(&rows,
		`SELECT state, attempts, status, error FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY seq LIMIT 1`,
		id); err != nil {
		r.t.Fatal(err)
	}
	if len(rows) == 0 {
		return deliveryRow{}, false
	}
	return rows[0], true
}

func (r *rig) waitState(id, state string) deliveryRow {
	r.t.Helper()
	var got deliveryRow
	eventstest.Wait(r.t, "the delivery of "+id+" to be "+state,
		func() bool { got, _ = r.firstDelivery(id); return got.State == state })
	return got
}

func (r *rig) disabledReason(id string) (reason string) {
	r.t.Helper()
	if err := r.db.Get(&reason, `SELECT coalesce(disabled_reason, '') FROM webhooks WHERE id = $1`, id); err != nil {
		r.t.Fatal(err)
	}
	return reason
}

// receiver is an integrator's server.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []*http.Request
	bodies []string
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	rec := &receiver{}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		rec.mu.Lock()
		rec.got, rec.bodies = append(rec.got, r), append(rec.bodies, string(body))
		n := len(rec.got)
		rec.mu.Unlock()
		answer(n, w, r)
	}))
	t.Cleanup(rec.Close)
	return rec
}

func (rec *receiver) countRequests() int {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return len(rec.got)
}

func answerOK(int, http.ResponseWriter, *http.Request) {}

func TestEventIsPostedSignedAndRetried(t *testing.T) {
	r := newRig(t)
	rec := newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n < 3 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	r.addWebhook("wh-1", rec.URL+"/hook", "", events.KindFailed, events.KindReported)
	r.addWebhook("wh-other", rec.URL+"/other", "", events.KindPaused)
	job := r.failJob(alice)
	r.failJob(events.User{ID: "bob", Role: "member"})
	got := r.waitState("wh-1", "delivered")
	if got.Attempts != 3 || *got.Status != 200 || got.Error != nil {
		t.Errorf("delivery %+v", got)
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.got) != 3 {
		t.Fatalf("%d requests", len(rec.got))
	}
	check, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	for i, req := range rec.got {
		if err := check.Verify([]byte(rec.bodies[i]), req.Header); err != nil {
			t.Errorf("request %d: %v", i, err)
		}
		if req.URL.Path != "/hook" || req.Header.Get("webhook-id") != rec.got[0].Header.Get("webhook-id") ||
			!strings.HasPrefix(req.Header.Get("Content-Type"), "application/cloudevents+json") {
			t.Errorf("request %d: %s %v", i, req.URL, req.Header)
		}
	}
	var event struct {
		SpecVersion, ID, Source, Type, Subject, Time string
		Data                                         events.Failed
	}
	if err := json.Unmarshal([]byte(rec.bodies[0]), &event); err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339Nano, event.Time)
	if err != nil || event.SpecVersion != "1.0" ||
		event.ID != events.MsgID(job.ID, events.KindFailed, job.Failed.Cause) || event.Type != "rollcall.bulk.failed" ||
		event.Subject != job.ID || event.Data.Code != "no_rows" || event.Data.JobID != job.ID ||
		!at.Equal(job.Failed.At) {
		t.Errorf("event %s", rec.bodies[0])
	}
}

func TestWebhookOfOneJobGetsThatJobOnly(t *testing.T) {
	r := newRig(t)
	rec := newReceiver(t, answerOK)
	mine := eventstest.Upload(t, events.NewLog(eventstest.Connect(t, r.nats, "upload"), events.StageUpload, nil),
		events.User{ID: "bob", Role: "member"}, events.Artifact{}, events.Options{})
	r.addWebhook("wh-job", rec.URL, mine.ID, events.KindFailed)
	r.addWebhook("wh-all", rec.URL+"/all", "", events.KindFailed)
	r.failJob(alice)
	eventstest.Append(t, events.NewLog(eventstest.Connect(t, r.nats, "validation"), events.StageValidation, nil), &mine,
		&events.Failed{Stage: events.StageValidation, Code: "no_rows", Message: "The workbook has no rows.",
			Attempts: 1})
	r.waitState("wh-job", "delivered")
	r.waitState("wh-all", "delivered")
	var n int
	if err := r.db.Get(&n, `SELECT count(*) FROM webhook_deliveries`); err != nil || n != 2 ||
		rec.countRequests() != 2 {
		t.Errorf("%d deliveries, %d requests, %v", n, rec.countRequests(), err)
	}
}

func TestGoneReceiverIsDisabled(t *testing.T) {
	r := newRig(t)
	rec := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	r.addWebhook("wh-1", rec.URL, "", events.KindFailed)
	r.failJob(alice)
	if got := r.waitState("wh-1", "failed"); got.Attempts != 1 || *got.Status != http.StatusGone {
		t.Errorf("delivery %+v", got)
	}
	eventstest.Wait(t, "the webhook to be disabled", func() bool { return r.disabledReason("wh-1") != "" })
	other := newReceiver(t, answerOK)
	r.addWebhook("wh-2", other.URL, "", events.KindFailed)
	r.failJob(alice)
	r.waitState("wh-2", "delivered")
	if rec.countRequests() != 1 {
		t.Errorf("%d requests to a receiver that is gone", rec.countRequests())
	}
}

func TestPrivateAddressesAreRefused(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Private = false; c.Waits = []time.Duration{} })
	rec := newReceiver(t, answerOK)
	_, port, _ := strings.Cut(strings.TrimPrefix(rec.URL, "http://"), ":")
	// The address that a name resolves to counts, at the moment it is dialled.
	for i, host := range []string{"127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "192.168.1.1",
		"100.64.0.1", "[fd00::1]", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		r.addWebhook(fmt.Sprint("wh-", i), "http://"+host+":"+port+"/secret-of-theirs", "", events.KindFailed)
	}
	r.failJob(alice)
	for i := range 10 {
		if got := r.waitState(fmt.Sprint("wh-", i), "failed"); got.Status != nil ||
			*got.Error != "the receiver could not be reached" {
			t.Errorf("%d: %+v %q", i, got, *got.Error)
		}
	}
	if rec.countRequests() != 0 {
		t.Errorf("%d requests", rec.countRequests())
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Waits = []time.Duration{} })
	inside := newReceiver(t, answerOK)
	rec := newReceiver(t, func(_ int, w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, inside.URL, http.StatusTemporaryRedirect)
	})
	r.addWebhook("wh-1", rec.URL, "", events.KindFailed)
	r.failJob(alice)
	if got := r.waitState("wh-1", "failed"); *got.Status != http.StatusTemporaryRedirect ||
		inside.countRequests() != 0 {
		t.Errorf("%+v, %d requests to the target of the redirect", got, inside.countRequests())
	}
}

func TestSlowReceiverDelaysNoOther(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Concurrency = 2 })
	release := make(chan struct{})
	slow := newReceiver(t, func(_ int, _ http.ResponseWriter, req *http.Request) {
		select {
		case <-release:
		case <-req.Context().Done():
		}
	})
	fast := newReceiver(t, answerOK)
	r.addWebhook("wh-slow", slow.URL, "", events.KindFailed)
	r.addWebhook("wh-fast", fast.URL, "", events.KindFailed)
	for range 5 {
		r.failJob(alice)
	}
	eventstest.Wait(t, "the fast receiver to have all", func() bool { return fast.countRequests() == 5 })
	if n := slow.countRequests(); n != 1 {
		t.Errorf("%d requests to the slow receiver at once", n)
	}
	close(release)
	eventstest.Wait(t, "the slow receiver to have all", func() bool { return slow.countRequests() == 5 })
}

func TestDeliveryOfADeadWorkerIsRetried(t *testing.T) {
	r := newRig(t)
	rec := newReceiver(t, answerOK)
	job := r.failJob(alice)
	r.waitConsumed()
	r.addWebhook("wh-1", rec.URL, "", events.KindFailed)
	r.exec(`INSERT INTO webhook_deliveries (webhook_id, seq, job_id, kind, taken, due_at)
VALUES ('wh-1', $1, $2, 'failed', true, now() + interval '200 milliseconds')`, int64(job.Seq), job.ID)
	r.exec(`INSERT INTO webhook_deliveries (webhook_id, seq, job_id, kind) VALUES ('wh-1', $1, $2, 'failed')`,
		int64(job.Seq+1000), job.ID)
	r.waitState("wh-1", "delivered")
	eventstest.Wait(t, "a delivery of a missing event to fail", func() bool {
		var text string
		err := r.db.Get(&text, `SELECT coalesce(error, '') FROM webhook_deliveries WHERE seq = $1`, int64(job.Seq+1000))
		return err == nil && text == errEventMissing.Error()
	})
}

func TestFailingDatabaseLosesNoEvent(t *testing.T) {
	r := newRig(t)
	rec := newReceiver(t, answerOK)
	r.addWebhook("wh-1", rec.URL, "", events.KindFailed)
	r.exec("ALTER TABLE webhook_deliveries RENAME TO away")
	r.failJob(alice)
	eventstest.Wait(t, "the failed insert to be logged",
		func() bool { return strings.Contains(r.logs.String(), "insert deliveries") })
	r.exec("ALTER TABLE away RENAME TO webhook_deliveries")
	r.waitState("wh-1", "delivered")
}
