package persistence

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/events/refusal"
	"rollcall.example/events/stage"
)

// rig is the service in a stage runner, as NATS user persistence, with a database.
type rig struct {
	*fixture
	srv *embedded.Server
	log *events.Log // as upload writes it
}

// startStage runs the stage until the test ends. around may be nil, or wrap Handle.
func startStage(t testing.TB, around func(stage.Handler) stage.Handler) *rig {
	t.Helper()
	s := &rig{fixture: newFixture(t), srv: eventstest.Start(t)}
	s.log = events.NewLog(eventstest.Connect(t, s.srv, "upload"), events.StageUpload, nil)
	js := eventstest.Connect(t, s.srv, "persistence")
	s.Service = New(Config{DB: s.db, Store: events.NewStore(js), Now: func() time.Time { return noon }})
	handle := stage.Handler(s.Handle)
	if around != nil {
		handle = around(handle)
	}
	r := &stage.Runner{Log: events.NewLog(js, events.StagePersistence, nil), Stage: events.StagePersistence,
		Handle: handle, Undo: s.Undo,
		Attempts: 3, Backoff: func(int) time.Duration { return time.Millisecond }}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
	return s
}

// storeRecords stores an artifact the way the stage that owns it does.
func storeRecords[T records.Record](t testing.TB, js jetstream.JetStream, bucket, name string,
	list []T) events.Artifact {
	t.Helper()
	store := events.NewStore(js)
	w, err := records.NewWriter[T](store)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i := range list {
		if err := w.Write(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	a, err := w.Store(t.Context(), store, bucket, name, records.Header{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// uploadVerified uploads a job with the rows and verdicts of list.
func (s *rig) uploadVerified(t testing.TB, opts events.Options, list []person) events.Job {
	t.Helper()
	var rows []records.Row
	var verdicts []records.Verdict
	for p := range numberRows(list) {
		rows, verdicts = append(rows, *p.row), append(verdicts, *p.verdict)
	}
	return s.uploadRecords(t, opts, rows, verdicts)
}

func (s *rig) uploadRecords(t testing.TB, opts events.Options, rows []records.Row,
	verdicts []records.Verdict) events.Job {
	t.Helper()
	id := events.NewJobID() // of the names only
	return s.submitJob(t, opts,
		storeRecords(t, eventstest.Connect(t, s.srv, "validation"), events.BucketRows, id+"/rows", rows),
		storeRecords(t, eventstest.Connect(t, s.srv, "iec"), events.BucketVerdicts, id+"/verdicts", verdicts))
}

// submitJob uploads a job with artifacts that are stored already.
func (s *rig) submitJob(t testing.TB, opts events.Options, rows, verdicts events.Artifact) events.Job {
	t.Helper()
	job := eventstest.Upload(t, s.log, events.User{ID: "alice", Role: "member"}, events.Artifact{}, opts)
	validation, iec := eventstest.Connect(t, s.srv, "validation"), eventstest.Connect(t, s.srv, "iec")
	eventstest.Append(t, events.NewLog(validation, events.StageValidation, nil), &job,
		&events.Validated{Rows: rows, Rejects: eventstest.FakeArtifact(events.BucketRows, job.ID+"/rejects")})
	eventstest.Append(t, events.NewLog(iec, events.StageIEC, nil), &job, &events.Verified{Verdicts: verdicts})
	return job
}

// readOutcomes reads the artifact as the NATS user report.
func (s *rig) readOutcomes(t *testing.T, a events.Artifact) (list []records.Outcome) {
	t.Helper()
	store := events.NewStore(eventstest.Connect(t, s.srv, "report"))
	for o, err := range records.Each[records.Outcome](t.Context(), store, a, nil) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, *o)
	}
	return list
}

func newRoll(n int) (list []person) {
	for i := range n {
		list = append(list, newPerson(i, registered("79800001", "32840123"), "firstname", fmt.Sprint("Person ", i),
			"ward", "79800001"))
	}
	return list
}

func TestStageWritesMembers(t *testing.T) {
	s := startStage(t, nil)
	list := newRoll(300)
	list[7].row.Fields["age"] = "x"
	job := eventstest.WaitKind(t, s.log, s.uploadVerified(t, events.Options{}, list).ID, events.KindPersisted)
	if want := (events.DatabaseStats{Total: 300, Inserts: 299, Errors: 1}); job.Persisted.Stats != want {
		t.Errorf("stats %+v", job.Persisted.Stats)
	}
	got := s.readOutcomes(t, job.Persisted.Outcomes)
	for i, o := range got {
		if o.N != i+2 || (o.Result == records.Inserted) != (i != 7) {
			t.Errorf("outcome %+v", o)
		}
	}
	if n := s.countRows("members"); n != 299 || len(got) != 300 || job.Persisted.Outcomes.Records != 300 {
		t.Errorf("%d members, %d outcomes", n, len(got))
	}
	p, ok, err := s.log.Progress(t.Context(), job.ID)
	if err != nil || !ok || p.Step != events.DatabaseOperations || p.Total != 300 {
		t.Errorf("progress %+v, %v", p, err)
	}

	second := eventstest.WaitKind(t, s.log, s.uploadVerified(t, events.Options{}, list).ID, events.KindPersisted)
	if want := (events.DatabaseStats{Total: 300, Unchanged: 299, Errors: 1}); second.Persisted.Stats != want {
		t.Errorf("the same file again: %+v", second.Persisted.Stats)
	}
	dry := eventstest.WaitKind(t, s.log, s.uploadVerified(t, events.Options{DryRun: true}, newRoll(301)).ID,
		events.KindPersisted)
	if want := (events.DatabaseStats{Total: 301, Inserts: 2, Unchanged: 299,
		DryRun: true}); dry.Persisted.Stats != want {
		t.Errorf("dry run: %+v", dry.Persisted.Stats)
	}
	if n := s.countRows("members"); n != 299 || len(s.readOutcomes(t, dry.Persisted.Outcomes)) != 301 {
		t.Errorf("%d members after a dry run", n)
	}
}

// The worker dies between its commit and its fact.
func TestLostFactDoesNotWriteTwice(t *testing.T) {
	var mu sync.Mutex
	var lost events.Artifact
	s := startStage(t, func(h stage.Handler) stage.Handler {
		return func(ctx context.Context, w *stage.Work) (events.Fact, error) {
			fact, err := h(ctx, w)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && lost.Name == "" {
				lost = fact.(*events.Persisted).Outcomes
				return nil, errors.New("killed")
			}
			return fact, err
		}
	})
	job := eventstest.WaitKind(t, s.log, s.uploadVerified(t, events.Options{}, newRoll(50)).ID, events.KindPersisted)
	if want := (events.DatabaseStats{Total: 50, Inserts: 50}); job.Persisted.Stats != want {
		t.Errorf("stats %+v", job.Persisted.Stats)
	}
	mu.Lock()
	defer mu.Unlock()
	if lost.Name == "" || lost.Name == job.Persisted.Outcomes.Name {
		t.Errorf("first %+v, then %+v", lost, job.Persisted.Outcomes)
	}
	if !reflect.DeepEqual(s.readOutcomes(t, lost), s.readOutcomes(t, job.Persisted.Outcomes)) {
		t.Error("the outcomes differ")
	}
}

// The stage gives up after the commit, and a person retries the job.
func TestRetriedJobIsNotWrittenAgain(t *testing.T) {
	var mu sync.Mutex
	broken := true
	s := startStage(t, func(h stage.Handler) stage.Handler {
		return func(ctx context.Context, w *stage.Work) (events.Fact, error) {
			fact, err := h(ctx, w)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && broken {
				return nil, &stage.Rejection{Refusal: refusal.New("x", "m"), Retryable: true}
			}
			return fact, err
		}
	})
	job := eventstest.WaitKind(t, s.log, s.uploadVerified(t, events.Options{}, newRoll(5)).ID, events.KindFailed)
	mu.Lock()
	broken = false
	mu.Unlock()
	eventstest.Append(t, s.log, &job, &events.Retried{Stage: events.StagePersistence,
		By: events.User{ID: "alice", Role: "member"}})
	job = eventstest.WaitKind(t, s.log, job.ID, events.KindPersisted)
	if want := (events.DatabaseStats{Total: 5, Inserts: 5}); job.Persisted.Stats != want ||
		s.countRows("members") != 5 || s.countRows("job_ledger") != 1 {
		t.Errorf("stats %+v, %d members", job.Persisted.Stats, s.countRows("members"))
	}
}

func TestVerdictsOfOtherRowsFailTheJob(t *testing.T) {
	s := startStage(t, nil)
	job := s.uploadRecords(t, events.Options{}, []records.Row{{N: 2, ID: idNumber(1)}, {N: 3, ID: idNumber(2)}},
		[]records.Verdict{{N: 2, Status: records.Unverified}, {N: 4, Status: records.Unverified}})
	job = eventstest.WaitKind(t, s.log, job.ID, events.KindFailed)
	if job.Failed.Attempts != 3 || !job.Failed.Retryable || s.countRows("members") != 0 ||
		s.countRows("job_ledger") != 0 {
		t.Errorf("failed %+v, %d members", job.Failed, s.countRows("members"))
	}
}

func TestCancelledJobIsNotWritten(t *testing.T) {
	var s *rig
	ended := make(chan error, 1)
	s = startStage(t, func(h stage.Handler) stage.Handler {
		return func(ctx context.Context, w *stage.Work) (events.Fact, error) {
			// Another session locks a row, so the stage waits inside its transaction.
			other := s.db.MustBegin()
			defer func() { _ = other.Rollback() }()
			var pid int
			if err := other.Get(&pid, `SELECT pg_backend_pid() FROM members FOR UPDATE`); err != nil {
				return nil, err
			}
			go func() {
				_, err := h(ctx, w)
				ended <- err
			}()
			eventstest.Wait(t, "a blocked statement", func() bool {
				return s.countRows(fmt.Sprintf("pg_stat_activity WHERE %d = ANY (pg_blocking_pids(pid))", pid)) > 0
			})
			job := w.Job
			eventstest.Append(t, s.log, &job,
				&events.Cancelled{Stage: job.Stage, By: events.User{ID: "alice", Role: "member"}})
			err := <-ended
			ended <- err
			return nil, err
		}
	})
	s.upload(newPerson(1, unverified, "firstname", "Old"))
	eventstest.WaitKind(t, s.log, s.uploadVerified(t, events.Options{}, newRoll(5)).ID, events.KindCancelled)
	if err := <-ended; err == nil {
		t.Error("no error after the cancellation")
	}
	s.expectMember(1, map[string]string{"firstname": "Old"})
	if m, l := s.countRows("members"), s.countRows("job_ledger"); m != 1 || l != 1 {
		t.Errorf("%d members, %d ledger rows", m, l)
	}
}
