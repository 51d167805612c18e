package privacy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/postgres/postgrestest"
)

const day = 24 * time.Hour

// fixture is the service with real servers and a clock that runs ahead.
type fixture struct {
	*Service
	t     *testing.T
	nats  *embedded.Server
	db    *sqlx.DB
	ahead time.Duration
}

func newFixture(t *testing.T, keep Keep) *fixture {
	t.Helper()
	w := &fixture{t: t, nats: eventstest.Start(t), db: postgrestest.New(t)}
	js := eventstest.Connect(t, w.nats, "privacy")
	w.Service = New(Config{
		Log: events.NewLog(js, "privacy", nil), Store: events.NewStore(js), DB: w.db, Keep: keep,
		Now: func() time.Time { return time.Now().Add(w.ahead) },
	})
	return w
}

// connectAs connects to NATS as another user.
func (w *fixture) connectAs(user string) (*events.Log, *events.Store) {
	js := eventstest.Connect(w.t, w.nats, user)
	return events.NewLog(js, events.Stage(user), nil), events.NewStore(js)
}

func (w *fixture) store(user, bucket, name string) events.Artifact {
	w.t.Helper()
	_, store := w.connectAs(user)
	a, err := store.Put(w.t.Context(), bucket, name, strings.NewReader("what is in "+name))
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// newJob makes a job that has passed the first stages, with its rows in jobs,
// job_ledger and job_outcomes.
func (w *fixture) newJob(stages int) events.Job {
	w.t.Helper()
	log, _ := w.connectAs("upload")
	id := events.NewJobID()
	fact := &events.Uploaded{Owner: events.User{ID: "alice", Role: "member"}, FileName: "roll.xlsx",
		File: w.store("upload", events.BucketUploads, id+"/upload.xlsx")}
	fact.JobID = id
	var job events.Job
	if _, err := log.Append(w.t.Context(), &job, 0, fact); err != nil {
		w.t.Fatal(err)
	}
	made := []func() events.Fact{
		func() events.Fact {
			return &events.Validated{Rows: w.store("validation", events.BucketRows, id+"/rows"),
				Rejects: w.store("validation", events.BucketRows, id+"/rejects")}
		},
		func() events.Fact {
			return &events.Verified{Verdicts: w.store("iec", events.BucketVerdicts, id+"/verdicts")}
		},
		func() events.Fact {
			return &events.Persisted{Outcomes: w.store("persistence", events.BucketOutcomes, id+"/outcomes")}
		},
		func() events.Fact {
			return &events.Reported{Report: w.store("report", events.BucketReports, id+"/report.xlsx"),
				Inputs: job.Inputs()}
		},
	}
	for i, f := range made[:stages] {
		log, _ := w.connectAs(string(events.Stages[i]))
		eventstest.Append(w.t, log, &job, f())
		if err := log.SetProgress(w.t.Context(), &job,
			events.Progress{Service: events.Stages[i], Step: events.FileReading, Status: events.StatusProcessing,
				Trigger: job.Trigger}); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, statement := range []string{
		`INSERT INTO jobs (job_id, seq, owner_id, owner_role, file_name, file_size, status, stage, progress,
		created_at, updated_at) VALUES ($1, 1, 'alice', 'member', 'roll.xlsx', 1, 'completed', 'x', 100, now(), now())`,
		`INSERT INTO job_ledger (job_id, written_at) VALUES ($1, now())`,
		`INSERT INTO job_outcomes (job_id, n, id_number, result) VALUES ($1, 2, '8001015009087', 'unchanged')`,
	} {
		if _, err := w.db.Exec(statement, id); err != nil {
			w.t.Fatal(err)
		}
	}
	return job
}

func (w *fixture) mustSweep() Swept {
	w.t.Helper()
	swept, err := w.Sweep(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return swept
}

// listObjects returns the names of a job's objects in all buckets.
func (w *fixture) listObjects(id string) (names []string) {
	w.t.Helper()
	_, store := w.connectAs("privacy")
	for _, bucket := range events.ObjectBuckets() {
		for o, err := range store.Objects(w.t.Context(), bucket) {
			if err != nil {
				w.t.Fatal(err)
			}
			if o.JobID() == id {
				names = append(names, strings.TrimPrefix(o.Name, id+"/"))
			}
		}
	}
	return names
}

func (w *fixture) countRows(table, id string) (n int) {
	w.t.Helper()
	if err := w.db.Get(&n, `SELECT count(*) FROM `+table+` WHERE job_id = $1`, id); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// countMessages returns how many messages of a job a stream has.
func (w *fixture) countMessages(stream, id string) int {
	w.t.Helper()
	s, err := eventstest.Connect(w.t, w.nats, "operator").Stream(w.t.Context(), stream)
	if err != nil {
		w.t.Fatal(err)
	}
	info, err := s.Info(w.t.Context(), jetstream.WithSubjectFilter(events.JobFilter(id)))
	if err != nil {
		w.t.Fatal(err)
	}
	return len(info.State.Subjects)
}

// Uploads, artifacts, reports and events of a job that has ended each go at their own
// time, and the log says so first.
func TestEachKindIsKeptForItsOwnTime(t *testing.T) {
	w := newFixture(t, Keep{Uploads: 30 * day, Artifacts: 90 * day, Reports: 60 * day, Events: 730 * day})
	job, atWork := w.newJob(4), w.newJob(2)
	if swept := w.mustSweep(); swept != (Swept{}) {
		t.Errorf("right away: %+v", swept)
	}
	for _, step := range []struct {
		ahead    time.Duration
		left     []string
		outcomes int
		reasons  int
	}{
		{29 * day, []string{"upload.xlsx", "rows", "rejects", "verdicts", "outcomes", "report.xlsx"}, 1, 0},
		{31 * day, []string{"rows", "rejects", "verdicts", "outcomes", "report.xlsx"}, 1, 1},
		{61 * day, []string{"rows", "rejects", "verdicts", "outcomes"}, 1, 2},
		{91 * day, nil, 0, 3},
		{729 * day, nil, 0, 3},
	} {
		w.ahead = step.ahead
		w.mustSweep()
		if again := w.mustSweep(); again != (Swept{}) {
			t.Errorf("after %s a second sweep: %+v", step.ahead, again)
		}
		now, err := w.cfg.Log.Load(t.Context(), job.ID)
		if err != nil {
			t.Fatal(err)
		}
		if left := w.listObjects(job.ID); !slices.Equal(left, step.left) || len(now.Artifacts()) != len(left) {
			t.Errorf("after %s there are %v, and the job names %v", step.ahead, left, now.Artifacts())
		}
		if len(now.Erasures) != step.reasons || now.Status != events.StatusCompleted ||
			!now.UpdatedAt.Equal(job.UpdatedAt) {
			t.Errorf("after %s: %+v", step.ahead, now)
		}
		if n := w.countRows("job_outcomes", job.ID); n != step.outcomes {
			t.Errorf("after %s: %d outcomes", step.ahead, n)
		}
		if w.countRows("jobs", job.ID) != 1 || w.countRows("job_ledger", job.ID) != 1 {
			t.Errorf("after %s the job is forgotten", step.ahead)
		}
	}
	w.ahead = 731 * day
	if swept := w.mustSweep(); swept != (Swept{Forgotten: 1}) {
		t.Errorf("at the end: %+v", swept)
	}
	if _, err := w.cfg.Log.Load(t.Context(), job.ID); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("the job is still there: %v", err)
	}
	if n := w.countMessages(events.StreamFacts, job.ID) + w.countMessages(events.StreamProgress, job.ID); n != 0 {
		t.Errorf("%d messages are left", n)
	}
	if n := w.countRows("jobs", job.ID) + w.countRows("job_ledger", job.ID) +
		w.countRows("job_outcomes", job.ID); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if left := w.listObjects(atWork.ID); len(left) != 4 || w.countRows("job_outcomes", atWork.ID) != 1 {
		t.Errorf("of a running job there is %v", left)
	}
}

// Data that is kept for ever goes with the events, unless those are kept for ever too.
func TestNothingOutlivesTheEvents(t *testing.T) {
	w := newFixture(t, Keep{Events: 10 * day})
	job := w.newJob(4)
	w.ahead = 9 * day
	w.mustSweep()
	if left := w.listObjects(job.ID); len(left) != 6 {
		t.Errorf("before its time: %v", left)
	}
	w.ahead = 11 * day
	if swept := w.mustSweep(); swept.Expired != 1 || swept.Forgotten != 1 || swept.Objects != 6 || swept.Bytes == 0 {
		t.Errorf("%+v", swept)
	}
	w.cfg.Keep = Keep{}
	job = w.newJob(4)
	w.ahead = 10000 * day
	if swept := w.mustSweep(); swept != (Swept{}) || len(w.listObjects(job.ID)) != 6 {
		t.Errorf("for ever: %+v", swept)
	}
}

// A sweep removes what a killed one has only recorded, and a failed job whose data
// has expired cannot be retried.
func TestSweepFinishesWhatAKilledOneBegan(t *testing.T) {
	w := newFixture(t, Keep{Uploads: day})
	job := w.newJob(0)
	log, _ := w.connectAs("validation")
	eventstest.Append(t, log, &job, &events.Failed{Stage: events.StageValidation, Code: "x", Message: "No.",
		Attempts: 1, Retryable: true})
	eventstest.Append(t, w.cfg.Log, &job, &events.Erased{Reason: events.ErasedExpired, Status: job.Status,
		Removed: job.Artifacts()})
	if left := w.listObjects(job.ID); len(left) != 1 {
		t.Fatalf("%v", left)
	}
	if swept := w.mustSweep(); swept.Objects != 1 || swept.Expired != 0 || len(w.listObjects(job.ID)) != 0 {
		t.Errorf("%+v", swept)
	}
	log, _ = w.connectAs("upload")
	_, err := log.Append(t.Context(), &job, job.Seq, &events.Retried{Stage: events.StageValidation, By: job.Owner})
	if !errors.Is(err, events.ErrNotAllowed) {
		t.Errorf("retried: %v", err)
	}
}

// After a day a sweep removes what no fact names: objects of superseded deliveries
// and of uploads that never became a job, and bytes without an object. What a running
// job has stored stays.
func TestSweepRemovesAbandonedObjects(t *testing.T) {
	w := newFixture(t, Keep{})
	job, atWork, never := w.newJob(4), w.newJob(1), events.NewJobID()
	w.store("iec", events.BucketVerdicts, job.ID+"/verdicts.7.2")
	w.store("iec", events.BucketVerdicts, atWork.ID+"/verdicts.9.1")
	w.store("upload", events.BucketUploads, never+"/upload.xlsx")
	js := eventstest.Connect(t, w.nats, "upload")
	for range 3 { // chunks of a dead writer
		if _, err := js.Publish(t.Context(), "$O.UPLOADS.C.died", []byte("half a file")); err != nil {
			t.Fatal(err)
		}
	}
	w.ahead = 23 * time.Hour
	if swept := w.mustSweep(); swept != (Swept{}) {
		t.Errorf("too early: %+v", swept)
	}
	w.ahead = 25 * time.Hour
	if swept := w.mustSweep(); swept.Objects != 2 || swept.Strays != 1 {
		t.Errorf("%+v", swept)
	}
	if a, b, c := w.listObjects(job.ID), w.listObjects(atWork.ID), w.listObjects(never); len(a) != 6 || len(b) != 4 ||
		len(c) != 0 {
		t.Errorf("%v, %v, %v", a, b, c)
	}
	for _, a := range job.Artifacts() {
		file, err := w.cfg.Store.Fetch(t.Context(), a)
		if err != nil {
			t.Errorf("%s: %v", a.Name, err)
			continue
		}
		_ = file.Close()
	}
}

// A sweep keeps the objects of a job that the stream has lost and the database has.
func TestSweepKeepsJobsThatTheStreamHasLost(t *testing.T) {
	w := newFixture(t, Keep{Uploads: day, Artifacts: day, Reports: day, Events: day})
	job := w.newJob(4)
	stream, err := eventstest.Connect(t, w.nats, eventstest.Owner).Stream(t.Context(), events.StreamFacts)
	if err == nil {
		err = stream.Purge(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	w.ahead = 10000 * day
	if swept := w.mustSweep(); swept != (Swept{}) || len(w.listObjects(job.ID)) != 6 ||
		w.countRows("job_outcomes", job.ID) != 1 {
		t.Errorf("%+v, left %v", swept, w.listObjects(job.ID))
	}
}

// Two processes run at once, until their context ends.
func TestRunSweepsUntilItsContextEnds(t *testing.T) {
	w := newFixture(t, Keep{Reports: time.Millisecond})
	job := w.newJob(4)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	for range 2 {
		go func() { done <- w.Run(ctx) }()
	}
	eventstest.Wait(t, "the report to go", func() bool { return len(w.listObjects(job.ID)) == 5 })
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	now, err := w.cfg.Log.Load(t.Context(), job.ID)
	if err != nil || len(now.Erasures) != 1 || now.Removed(job.Reported.Report) == nil {
		t.Errorf("%+v, %v", now.Erasures, err)
	}
}
