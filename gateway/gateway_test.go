package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway"
)

func TestHistoryThenLive(t *testing.T) {
	r := newRig(t)
	job := r.upload("alice")
	r.step(&job)
	s := dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	s.subscribe(job.ID, 0)
	if ack := s.want("ack"); ack.Data["last_seq"] != float64(job.Seq) || string(ack.ID) != `"`+job.ID+`"` {
		t.Fatalf("ack %s", ack.raw)
	}
	if f := s.want("bulk_upload_progress"); f.Seq != job.FirstSeq || f.Data["stage"] != "initialization" ||
		f.Data["progress"] != 0.0 {
		t.Fatalf("uploaded: %s", f.raw)
	}
	if f := s.want("bulk_upload_progress"); f.Seq != job.Seq || f.Data["stage"] != "pre_validation" ||
		f.Data["progress"] != 40.0 {
		t.Fatalf("validated: %s", f.raw)
	}
	r.step(&job)
	if f := s.want("bulk_upload_progress"); f.Seq != job.Seq || f.Data["stage"] != "iec_verification" ||
		f.Data["progress"] != 60.0 {
		t.Fatalf("verified: %s", f.raw)
	}
	r.step(&job)
	if f := s.want("bulk_upload_progress"); f.Data["stage"] != "database_operations" || f.Data["progress"] != 80.0 {
		t.Fatalf("persisted: %s", f.raw)
	}
	r.step(&job)
	if f := s.want("bulk_upload_complete"); f.Seq != job.Seq ||
		f.Data["report_path"] != "/api/v1/bulk-upload/report/"+job.ID {
		t.Fatalf("reported: %s", f.raw)
	}
	// A client that comes back gets what it has not seen, and nothing else.
	again := dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	again.subscribe(job.ID, job.Seq-1)
	again.want("ack")
	again.want("bulk_upload_complete")
}

func TestPausesShowTheRealProgress(t *testing.T) {
	r := newRig(t)
	job := r.upload("alice")
	r.step(&job)
	until := time.Now().Add(time.Hour)
	reset := until.Add(-time.Minute).UTC()
	eventstest.Append(t, r.logs[events.StageIEC], &job,
		&events.Warned{Stage: events.StageIEC, Message: "Nearly spent.", Processed: 1, Total: 3,
			Quota: events.Quota{Used: 9, Limit: 10, ResetAt: reset}},
		&events.Paused{Stage: events.StageIEC, Reason: events.PauseQuota, Message: "Wait.", ResumesAt: until,
			Processed: 1, Total: 3, Quota: &events.Quota{Used: 10, Limit: 10}},
		&events.Resumed{Stage: events.StageIEC, Processed: 1, Total: 3},
		&events.Paused{Stage: events.StageIEC, Reason: events.PauseUnavailable, Message: "Down.", ResumesAt: until,
			Processed: 2, Total: 3},
		&events.Resumed{Stage: events.StageIEC, Processed: 2, Total: 3},
		&events.Paused{Stage: events.StageIEC, Reason: events.PauseUserQuota, Message: "Yours are spent.",
			ResumesAt: until, Processed: 2, Total: 3, Quota: &events.Quota{Used: 5, Limit: 5}},
		&events.Failed{Stage: events.StageIEC, Code: "x", Message: "No.", Attempts: 1, Retryable: true})
	eventstest.Append(t, r.logs[events.StageUpload], &job, &events.Retried{Stage: events.StageIEC, By: job.Owner},
		&events.Cancelled{Stage: events.StageIEC, By: job.Owner})
	eventstest.Wait(t, "the facts to go out", func() bool { return r.gw.Routed() >= job.Seq })
	s := dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	s.subscribe(job.ID, 2)
	s.want("ack")
	if f := s.want("iec_rate_limit_warning"); f.Data["status"] != "processing" || f.Data["progress"] != 50.0 ||
		f.Data["current_count"] != 9.0 ||
		f.Data["max_limit"] != 10.0 || f.Data["remaining"] != 1.0 || f.Data["percentage_used"] != 90.0 ||
		f.Data["reset_time"] != reset.Format(time.RFC3339Nano) ||
		f.Data["rows_processed"] != 1.0 || f.Data["rows_total"] != 3.0 || f.Data["message"] != "Nearly spent." {
		t.Errorf("warning: %s", f.raw)
	}
	if f := s.want("iec_rate_limit_exceeded"); f.Data["status"] != "paused" || f.Data["progress"] != 50.0 ||
		f.Data["percentage_used"] != 100.0 || f.Data["remaining"] != 0.0 {
		t.Errorf("quota: %s", f.raw)
	}
	if f := s.want("bulk_upload_progress"); f.Data["status"] != "processing" || f.Data["progress"] != 50.0 {
		t.Errorf("resumed: %s", f.raw)
	}
	if f := s.want("bulk_upload_progress"); f.Data["status"] != "paused" || f.Data["reason"] != "iec_unavailable" ||
		f.Data["progress"] != 55.0 {
		t.Errorf("outage: %s", f.raw)
	}
	s.want("bulk_upload_progress") // resumed
	if f := s.want("iec_rate_limit_exceeded"); f.Data["status"] != "paused" ||
		f.Data["reason"] != "user_quota_exhausted" || f.Data["max_limit"] != 5.0 || f.Data["remaining"] != 0.0 {
		t.Errorf("the user's quota: %s", f.raw)
	}
	if f := s.want("bulk_upload_failed"); f.Data["status"] != "failed" || f.Data["error"] != "No." ||
		f.Data["stage"] != "iec_verification" {
		t.Errorf("failed: %s", f.raw)
	}
	if f := s.want("bulk_upload_progress"); f.Data["status"] != "processing" || f.Data["progress"] != 45.0 {
		t.Errorf("retried: %s", f.raw)
	}
	if f := s.want("bulk_upload_failed"); f.Data["status"] != "cancelled" {
		t.Errorf("cancelled: %s", f.raw)
	}
}

func TestProgressHasNoSequence(t *testing.T) {
	r := newRig(t)
	job := r.upload("alice")
	setProgress := func(percent int) {
		p := events.Progress{Service: events.StageValidation, Step: events.FileReading, Percent: percent,
			Status: events.StatusProcessing, Trigger: job.Trigger}
		if err := r.logs[events.StageValidation].SetProgress(t.Context(), &job, p); err != nil {
			t.Fatal(err)
		}
	}
	setProgress(13)
	s := dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	s.subscribe(job.ID, job.Seq)
	s.want("ack")
	if f := s.want("bulk_upload_progress"); f.Data["progress"] != 13.0 || f.Seq != 0 {
		t.Fatalf("late joiner: %s", f.raw)
	}
	setProgress(17)
	f := s.want("bulk_upload_progress")
	for f.Data["progress"] == 13.0 { // its live message may come late
		f = s.want("bulk_upload_progress")
	}
	if f.Data["progress"] != 17.0 {
		t.Fatalf("live: %s", f.raw)
	}
}

func TestRooms(t *testing.T) {
	r := newRig(t)
	old := r.upload("alice")
	alice := dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	bob := dial(t, r.url, mintToken(t, "bob", "province_admin", time.Hour))
	admin := dial(t, r.url, mintToken(t, "carol", "national_admin", time.Hour))
	for _, s := range []*socket{alice, bob, admin} {
		s.send("ping", nil, 1)
		s.want("pong") // now it is in its room
	}
	job := r.upload("alice")
	if f := alice.want("bulk_upload_progress"); f.Data["job_id"] != job.ID {
		t.Fatalf("the user's room: %s", f.raw)
	}
	// In both rooms, each fact comes once.
	alice.subscribe(job.ID, job.Seq)
	alice.want("ack")
	r.step(&job)
	if f := alice.want("bulk_upload_progress"); f.Seq != job.Seq {
		t.Fatalf("%s", f.raw)
	}
	r.step(&job)
	if f := alice.want("bulk_upload_progress"); f.Seq != job.Seq {
		t.Fatalf("twice? %s", f.raw)
	}
	admin.subscribe(old.ID, 0)
	admin.want("ack")
	admin.want("bulk_upload_progress")
	// The answer about somebody else's job is, byte for byte, that about none.
	unknown := events.NewJobID()
	var answers []string
	for _, id := range []string{job.ID, unknown, "job-*", "*"} {
		bob.subscribe(id, 0)
		answers = append(answers, strings.ReplaceAll(bob.want("error").raw, id, "ID"))
	}
	if slices.Sort(answers); answers[0] != answers[len(answers)-1] || !strings.Contains(answers[0], "not_found") {
		t.Fatalf("answers differ: %q", answers)
	}
	r.step(&job)
	alice.want("bulk_upload_progress") // it has gone out
	bob.send("ping", nil, 2)
	bob.want("pong") // and nothing of alice's job before it
	alice.send("unsubscribe_bulk_upload_job", map[string]string{"job_id": job.ID}, 3)
	alice.want("ack")
}

func TestInvalidFramesAreRefused(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.Subscriptions = 2 })
	s := dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	for _, text := range []string{"", "{", "[]", `"x"`, `{"event":1}`, `{"event":"fly"}`,
		`{"event":"subscribe_bulk_upload_job"}`,
		`{"event":"subscribe_bulk_upload_job","data":{"job_id":7}}`,
		`{"event":"subscribe_bulk_upload_job","data":{"job_id":"a","after":-1}}`,
		`{"event":"ping","id":"` + strings.Repeat("x", 200) + `"}`} {
		if err := s.ws.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if f := s.want("error"); f.Data["code"] != "bad_request" {
			t.Errorf("%s: %s", text, f.raw)
		}
	}
	for i := range 3 {
		job := r.upload("dave")
		admin := mintToken(t, "carol", "super_admin", time.Hour)
		if i == 0 {
			s = dial(t, r.url, admin)
		}
		s.subscribe(job.ID, job.Seq)
		f, err := s.next()
		if err != nil || (f.Event == "ack") != (i < 2) {
			t.Fatalf("subscription %d: %s %v", i+1, f.raw, err)
		}
		if i == 2 && f.Data["code"] != "too_many_subscriptions" {
			t.Fatalf("%s", f.raw)
		}
	}
	// The server may have closed the socket before all was written. Then its close frame
	// is lost too.
	werr := s.ws.Write(t.Context(), websocket.MessageText, make([]byte, 40<<10))
	if code := s.closeCode(); code != websocket.StatusMessageTooBig && werr == nil {
		t.Errorf("a frame that is too long: closed with %d", code)
	}
}

func TestTokens(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.AuthTimeout = 300 * time.Millisecond })
	job := r.upload("alice")
	good := mintToken(t, "alice", "member", time.Hour)

	t.Run("bad header", func(t *testing.T) {
		for _, token := range []string{"x", mintToken(t, "alice", "member", time.Hour) + "x"} {
			_, resp, err := websocket.Dial(t.Context(), r.url,
				&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
			if err == nil || resp.StatusCode != http.StatusUnauthorized {
				t.Fatalf("%v %v", resp, err)
			}
			var body struct {
				Success bool
				Error   struct{ Code string }
			}
			if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || body.Success ||
				body.Error.Code != "unauthenticated" {
				t.Fatalf("%+v %v", body, err)
			}
		}
	})
	t.Run("not in the URL", func(t *testing.T) {
		s := dial(t, r.url+"/?token="+good, "")
		s.subscribe(job.ID, 0)
		if f := s.want("error"); f.Data["code"] != "unauthenticated" {
			t.Fatalf("%s", f.raw)
		}
	})
	t.Run("too late", func(t *testing.T) {
		if code := dial(t, r.url, "").closeCode(); code != refusal.CloseUnauthenticated {
			t.Fatalf("closed with %d", code)
		}
	})
	t.Run("subprotocol", func(t *testing.T) {
		ws, _, err := websocket.Dial(t.Context(), r.url,
			&websocket.DialOptions{Subprotocols: []string{"rollcall", "bearer." + good}})
		if err != nil {
			t.Fatal(err)
		}
		defer ws.CloseNow()
		if ws.Subprotocol() != "rollcall" {
			t.Errorf("subprotocol %q", ws.Subprotocol())
		}
		s := &socket{t: t, ws: ws}
		s.subscribe(job.ID, job.Seq)
		s.want("ack")
	})
	t.Run("frame, expiry, fresh token", func(t *testing.T) {
		s := dial(t, r.url, "")
		s.send("authenticate", map[string]string{"token": "x"}, 1)
		if f := s.want("error"); f.Data["code"] != "unauthenticated" {
			t.Fatalf("%s", f.raw)
		}
		s.send("authenticate", map[string]string{"token": mintToken(t, "alice", "member", 2*time.Second)}, 2)
		s.want("ack")
		s.send("authenticate", map[string]string{"token": mintToken(t, "bob", "member", time.Hour)}, 3)
		if f := s.want("error"); f.Data["code"] != "forbidden" {
			t.Fatalf("%s", f.raw)
		}
		if code := s.closeCode(); code != refusal.CloseUnauthenticated {
			t.Fatalf("expired: closed with %d", code)
		}
	})
	t.Run("foreign page", func(t *testing.T) {
		_, resp, err := websocket.Dial(t.Context(), r.url,
			&websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"},
				"Authorization": {"Bearer " + good}}})
		if err == nil || resp.StatusCode != http.StatusForbidden {
			t.Fatalf("%v %v", resp, err)
		}
	})
}

// Many clients join many jobs at random moments, some after the first fact, while more
// facts are appended. Each gets all facts of its job after the sequence it asked for,
// once and in order.
func TestEachClientGetsEachFactOnce(t *testing.T) {
	r := newRig(t)
	const jobs, clients = 12, 60
	list := make([]events.Job, jobs)
	for i := range list {
		list[i] = r.upload("alice")
	}
	var wg sync.WaitGroup
	for i := range list {
		wg.Go(func() {
			for list[i].Next() != "" {
				time.Sleep(rand.N(20 * time.Millisecond))
				r.step(&list[i])
			}
		})
	}
	type got struct {
		job, after int
		seqs       []uint64
	}
	results := make([]got, clients)
	token := mintToken(t, "carol", "national_admin", time.Hour)
	for i := range results {
		wg.Go(func() {
			job, after := rand.IntN(jobs), uint64(0)
			if rand.IntN(2) == 0 {
				after = list[job].FirstSeq
			}
			time.Sleep(rand.N(80 * time.Millisecond))
			s := dial(t, r.url, token)
			s.subscribe(list[job].ID, after)
			res := got{job: job, after: int(after)}
			for {
				f, err := s.next()
				if err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
				if f.Seq > 0 {
					res.seqs = append(res.seqs, f.Seq)
				}
				if f.Event == "bulk_upload_complete" {
					break
				}
			}
			results[i] = res
		})
	}
	wg.Wait()
	for i, res := range results {
		all, err := r.logs[events.StageUpload].Replay(t.Context(), list[res.job].ID, uint64(res.after))
		if err != nil {
			t.Fatal(err)
		}
		var want []uint64
		for _, e := range all {
			want = append(want, e.Seq)
		}
		if !slices.Equal(res.seqs, want) {
			t.Errorf("client %d after %d got %v, want %v", i, res.after, res.seqs, want)
		}
	}
}

// The gateway is replaced while a job runs. The client is told to come back, and goes on
// with what it has not seen.
func TestReplacedGatewayLosesNoFact(t *testing.T) {
	r := newRig(t)
	job := r.upload("alice")
	token := mintToken(t, "alice", "member", time.Hour)
	s := dial(t, r.url, token)
	s.subscribe(job.ID, 0)
	s.want("ack")
	seen := s.want("bulk_upload_progress").Seq
	go r.stop()
	if code := s.closeCode(); code != refusal.CloseRestart {
		t.Fatalf("closed with %d", code)
	}
	r.step(&job)
	_, url, _ := startGateway(t, r.nats)
	s = dial(t, url, token)
	s.subscribe(job.ID, seen)
	s.want("ack")
	if f := s.want("bulk_upload_progress"); f.Seq != job.Seq {
		t.Fatalf("%s", f.raw)
	}
}

// A gateway that ends gives each of its clients a place of its own in the time in which they
// come back.
func TestClosedClientsComeBackOneAfterTheOther(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.Returns = 10 })
	var sockets []*socket
	for range 30 {
		sockets = append(sockets, dial(t, r.url, mintToken(t, "alice", "member", time.Hour)))
	}
	eventstest.Wait(t, "all connections", func() bool { return r.gw.Stats().Connections == len(sockets) })
	go r.stop()
	var waits []time.Duration
	for _, s := range sockets {
		closed, ok := errors.AsType[websocket.CloseError](s.closed())
		wait, told := refusal.CloseWait(closed.Reason)
		if !ok || !told || closed.Code != refusal.CloseRestart {
			t.Fatalf("closed with %+v", closed)
		}
		waits = append(waits, wait)
	}
	slices.Sort(waits)
	for i, wait := range waits {
		turn := time.Duration(i) * time.Second / 10
		if wait < turn || i > 0 && wait-waits[i-1] > time.Second {
			t.Errorf("the client at place %d waits %s of %v", i, wait, waits)
		}
	}
}

// NATS goes away and comes back. What was appended meanwhile was never republished to
// this gateway, so it must be read from the stream.
func TestRestartedNATSLosesNoFact(t *testing.T) {
	dir := t.TempDir()
	start := func(addr string, passwords map[string]string) *embedded.Server {
		srv, err := embedded.Start(embedded.Config{Dir: dir, Addr: addr, Passwords: passwords})
		if err != nil {
			t.Fatal(err)
		}
		return srv
	}
	passwords := map[string]string{}
	for _, u := range embedded.Users {
		passwords[u] = "p"
	}
	srv := start("127.0.0.1:0", passwords)
	addr := strings.TrimPrefix(srv.URL(), "nats://")
	connect := func(user string) *events.Log {
		js, err := events.Connect(events.Connection{URL: "nats://" + addr, User: user, Password: "p"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(js.Conn().Close)
		return events.NewLog(js, events.Stage(user), nil)
	}
	if err := events.Provision(t.Context(), connect("provisioner").JetStream(), events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	_, url, _ := startGateway(t, srv, func(c *gateway.Config) { c.JetStream = connect("gateway").JetStream() })
	upload, validation := connect("upload"), connect("validation")
	job := eventstest.Upload(t, upload, events.User{ID: "alice", Role: "member"}, events.Artifact{}, events.Options{})
	s := dial(t, url, mintToken(t, "alice", "member", time.Hour))
	s.subscribe(job.ID, 0)
	s.want("ack")
	s.want("bulk_upload_progress")
	srv.Stop()
	srv = start(addr, passwords)
	defer srv.Stop()
	eventstest.Wait(t, "validation to reconnect", func() bool { return validation.JetStream().Conn().IsConnected() })
	eventstest.Append(t, validation, &job, eventstest.Facts(job.ID)[0])
	if f := s.want("bulk_upload_progress"); f.Seq != job.Seq {
		t.Fatalf("%s", f.raw)
	}
}

func TestGatewayCannotWriteToTheLog(t *testing.T) {
	r := newRig(t)
	job := r.upload("alice")
	log := events.NewLog(eventstest.Connect(t, r.nats, "gateway"), "gateway", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // a denied publish is never answered
	defer cancel()
	before := job.Seq
	done := make(chan error, 1)
	go func() {
		_, err := log.Append(ctx, &job, job.Seq, eventstest.Facts(job.ID)[0])
		done <- err
	}()
	// The reply to a request that it may make must not be stored either.
	nc := log.JetStream().Conn()
	if err := nc.PublishRequest("$JS.API.DIRECT.GET."+events.StreamFacts,
		events.Subject(job.ID, events.KindValidated), []byte(`{"last_by_subj":"bulk.>"}`)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Fatal("the gateway appended a fact")
	}
	loaded, err := r.logs[events.StageUpload].Load(t.Context(), job.ID)
	if err != nil || loaded.Seq != before {
		t.Fatalf("something was stored: %d, %v", loaded.Seq, err)
	}
}
