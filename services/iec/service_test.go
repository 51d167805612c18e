package iec

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/services/iec/answers"
	"rollcall.example/services/iec/sim"
)

// rig is the stage with a real NATS server and with the simulator over real HTTP.
type rig struct {
	nats *embedded.Server
	sim  *sim.Simulator
	url  string // of the simulator
	log  *events.Log
}

func newRig(t *testing.T, limit int, simulated sim.Config, change ...func(*Config)) *rig {
	t.Helper()
	r := newStage(t, simulated)
	r.addReplica(t, limit, change...)
	return r
}

// newStage starts everything but a process that does the work.
func newStage(t testing.TB, simulated sim.Config) *rig {
	t.Helper()
	r := &rig{nats: eventstest.Start(t)}
	var err error
	if r.sim, err = sim.New(simulated); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(r.sim)
	t.Cleanup(srv.Close)
	r.url = srv.URL
	r.log = events.NewLog(r.connect(t, "upload"), events.StageUpload, nil)
	return r
}

func (r *rig) connect(t testing.TB, user string) jetstream.JetStream {
	t.Helper()
	return eventstest.Connect(t, r.nats, user)
}

// addReplica starts a process of the stage.
func (r *rig) addReplica(t testing.TB, limit int, change ...func(*Config)) {
	t.Helper()
	// A window of seconds instead of an hour, so that a job really pauses and
	// resumes.
	quota, err := NewQuota(openBucket(t, r.nats, events.KVQuota),
		QuotaConfig{Limit: limit, Window: 1200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	client, err := NewClient(ClientConfig{BaseURL: r.url, Timeout: 5 * time.Second,
		Backoff: func(int) time.Duration { return time.Millisecond }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	cfg := Config{Store: events.NewStore(eventstest.Connect(t, r.nats, "iec")), Client: client, Quota: quota,
		Answers: openAnswers(t, r.nats),
		Outage:  200 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&cfg)
	}
	eventstest.RunStage(t, r.nats, events.StageIEC, New(cfg).Handle)
}

// openAnswers opens the answers as one more process does.
func openAnswers(t testing.TB, srv *embedded.Server) *answers.Store {
	t.Helper()
	s, err := answers.Open(eventstest.Connect(t, srv, "iec"), answers.Config{Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// countAnswers returns about how many of the people an answer is kept.
func countAnswers(t *testing.T, s *answers.Store, people []string) (n int) {
	t.Helper()
	list, _, err := s.GetMany(t.Context(), people, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if !a.IsZero() {
			n++
		}
	}
	return n
}

func makeIDs(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("80010150%05d", i) // the simulator ignores check digits
	}
	return list
}

// addJob stores the rows of a new job, so that the stage begins with it.
func (r *rig) addJob(t testing.TB, people []string, options events.Options) events.Job {
	t.Helper()
	return r.addJobAs(t, "member", people, options)
}

func (r *rig) addJobAs(t testing.TB, role string, people []string, options events.Options) events.Job {
	t.Helper()
	return r.addJobOf(t, events.User{ID: "alice", Role: role}, people, options)
}

func (r *rig) addJobOf(t testing.TB, user events.User, people []string, options events.Options) events.Job {
	t.Helper()
	job := eventstest.Upload(t, r.log, user, events.Artifact{}, options)
	js := eventstest.Connect(t, r.nats, "validation")
	store := events.NewStore(js)
	w, err := records.NewWriter[records.Row](store)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i, id := range people {
		if err := w.Write(&records.Row{N: i + 2, ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := w.Store(t.Context(), store, events.BucketRows, job.ID+"/rows",
		records.Header{Artifact: "rows", JobID: job.ID})
	if err != nil {
		t.Fatal(err)
	}
	eventstest.Append(t, events.NewLog(js, events.StageValidation, nil), &job,
		&events.Validated{Rows: rows, Rejects: eventstest.FakeArtifact(events.BucketRows, job.ID+"/rejects")})
	return job
}

// checkVerdicts compares the verdicts of a job with what the simulator knows.
func (r *rig) checkVerdicts(t *testing.T, job events.Job, people []string) {
	t.Helper()
	store := events.NewStore(eventstest.Connect(t, r.nats, "persistence"))
	i := 0
	for verdict, err := range records.Each[records.Verdict](t.Context(), store, job.Verified.Verdicts, nil) {
		if err != nil {
			t.Fatal(err)
		}
		want := sim.PersonOf(people[i])
		if verdict.N != i+2 || verdict.Status != want.Status || verdict.At.IsZero() {
			t.Fatalf("row %d is %+v, want %s", i+2, verdict, want.Status)
		}
		if want.Place != nil &&
			(verdict.Ward != want.Place.Ward || verdict.VD != want.Place.VD ||
				verdict.Province != want.Place.Province) {
			t.Fatalf("row %d is %+v, want %+v", i+2, verdict, want.Place)
		}
		i++
	}
	if s := job.Verified.Stats; i != len(people) || s.Total != i ||
		s.Registered+s.NotRegistered+s.Deceased+s.International+s.Unverified != i {
		t.Fatalf("%d verdicts for %d rows, %+v", i, len(people), s)
	}
}

func TestEveryRowGetsItsVerdictAndASecondUploadAsksNobody(t *testing.T) {
	r := newRig(t, 10_000, sim.Config{})
	people := makeIDs(120)
	job := eventstest.WaitKind(t, r.log, r.addJob(t, people, events.Options{}).ID, events.KindVerified)
	r.checkVerdicts(t, job, people)
	if s := job.Verified.Stats; s.Calls != 120 || s.Cached != 0 {
		t.Errorf("first: %+v", s)
	}
	job = eventstest.WaitKind(t, r.log, r.addJob(t, people, events.Options{}).ID, events.KindVerified)
	r.checkVerdicts(t, job, people)
	if s := job.Verified.Stats; s.Calls != 0 || s.Cached != 120 {
		t.Errorf("second: %+v", s)
	}
	if s := r.sim.Stats(); s.Calls != 120 || s.MaxCalls != 1 || s.Tokens != 1 {
		t.Errorf("simulator: %+v", s)
	}
}

func TestASpentQuotaPausesAndNobodyIsAskedTwice(t *testing.T) {
	r := newRig(t, 30, sim.Config{})
	people := makeIDs(100)
	job := r.addJob(t, people, events.Options{})
	done := eventstest.WaitKind(t, r.log, job.ID, events.KindVerified)
	r.checkVerdicts(t, done, people)
	list, err := r.log.Replay(t.Context(), job.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	pauses, before := 0, 0
	for i, e := range list {
		if p, ok := e.Fact.(*events.Paused); ok {
			pauses++
			if p.Reason != events.PauseQuota || p.Quota == nil || p.Quota.Limit != 30 || p.Total != 100 ||
				p.Processed == 0 || p.Processed < before {
				t.Errorf("paused at %d of %d rows, after %d: %+v", p.Processed, p.Total, before, p)
			}
			before = p.Processed
			if next := list[i+1]; next.Kind != events.KindResumed || next.At.Before(p.ResumesAt) {
				t.Errorf("after the pause: %s at %s, not before %s", next.Kind, next.At, p.ResumesAt)
			}
		}
	}
	if s := r.sim.Stats(); pauses < 2 || s.Calls != 100 || s.MaxCalls != 1 {
		t.Errorf("%d pauses, simulator %+v", pauses, s)
	}
}

func TestAnOutagePausesAndTheJobGoesOn(t *testing.T) {
	r := newRig(t, 10_000, sim.Config{Faults: sim.Faults{Down: true}})
	people := makeIDs(40)
	job := r.addJob(t, people, events.Options{})
	paused := eventstest.WaitKind(t, r.log, job.ID, events.KindPaused)
	if paused.Paused.Reason != events.PauseUnavailable {
		t.Errorf("paused %+v", paused.Paused)
	}
	if err := r.sim.SetFaults(sim.Faults{Errors: 0.1, HTML: 0.05, Resets: 0.05}); err != nil {
		t.Fatal(err)
	}
	r.checkVerdicts(t, eventstest.WaitKind(t, r.log, job.ID, events.KindVerified), people)
}

func TestAnOutageInTheMiddlePausesAndNobodyIsAskedTwice(t *testing.T) {
	r := newRig(t, 10_000, sim.Config{Faults: sim.Faults{LatencyMS: 5}})
	people := makeIDs(300)
	job := r.addJob(t, people, events.Options{})
	eventstest.Wait(t, "some calls", func() bool { return r.sim.Stats().Calls > 60 })
	if err := r.sim.SetFaults(sim.Faults{Down: true, RetryAfter: 1}); err != nil {
		t.Fatal(err)
	}
	if paused := eventstest.WaitKind(t, r.log, job.ID,
		events.KindPaused).Paused; paused.Reason != events.PauseUnavailable || paused.Processed < 20 {
		t.Errorf("paused %+v", paused)
	}
	if err := r.sim.SetFaults(sim.Faults{}); err != nil {
		t.Fatal(err)
	}
	r.checkVerdicts(t, eventstest.WaitKind(t, r.log, job.ID, events.KindVerified), people)
	if s := r.sim.Stats(); s.Calls != 300 || s.MaxCalls != 1 {
		t.Errorf("simulator %+v", s)
	}
}

func TestSkippedRowsAreUnverifiedAndNobodyIsAsked(t *testing.T) {
	r := newRig(t, 10, sim.Config{})
	job := eventstest.WaitKind(t, r.log, r.addJob(t, makeIDs(50), events.Options{SkipIEC: true}).ID,
		events.KindVerified)
	if s := job.Verified.Stats; s.Unverified != 50 || s.Calls != 0 || r.sim.Stats().Calls != 0 {
		t.Fatalf("%+v", s)
	}
}

// A person about whom the API's answer is unusable is unverified, and nobody else:
// the job does not wait forever.
func TestARowWithoutAUsefulAnswerIsUnverified(t *testing.T) {
	people := makeIDs(20)
	r := newRig(t, 100, sim.Config{Answers: map[string]sim.Person{people[7]: {Status: records.NotRegistered,
		Malformed: true}}})
	job := eventstest.WaitKind(t, r.log, r.addJob(t, people, events.Options{}).ID, events.KindVerified)
	if s := job.Verified.Stats; s.Unverified != 1 || s.Total != 20 || r.sim.Calls(people[7]) != 1+maxRetries {
		t.Errorf("%+v, asked %d times", s, r.sim.Calls(people[7]))
	}
}

// A person about whom the API refuses to answer is unverified, and nobody else.
func TestARefusedRowIsUnverified(t *testing.T) {
	r := newRig(t, 100, sim.Config{})
	people := append(makeIDs(5), "not-an-id-num") // the simulator answers 400
	job := eventstest.WaitKind(t, r.log, r.addJob(t, people, events.Options{}).ID, events.KindVerified)
	if s := job.Verified.Stats; s.Unverified != 1 || s.Total != 6 {
		t.Fatalf("%+v", s)
	}
}

func TestCancelKeepsTheAnswersPaidFor(t *testing.T) {
	r := newRig(t, 10_000, sim.Config{Faults: sim.Faults{LatencyMS: 20}})
	people := makeIDs(400)
	job := r.addJob(t, people, events.Options{})
	eventstest.Wait(t, "some calls", func() bool { return r.sim.Stats().Calls > 60 })
	eventstest.Append(t, r.log, &job, &events.Cancelled{Stage: events.StageIEC, By: job.Owner})
	cancelled := time.Now()
	calls := 0
	eventstest.Wait(t, "the calls to end", func() bool {
		n := r.sim.Stats().Calls
		settled := n == calls && time.Since(cancelled) > 200*time.Millisecond
		calls = n
		return settled
	})
	if calls == 400 {
		t.Fatal("not stopped")
	}
	kept := openAnswers(t, r.nats)
	eventstest.Wait(t, "every answer to be kept", func() bool {
		return countAnswers(t, kept, people) == r.sim.Stats().Calls
	})
}
