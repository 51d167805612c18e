package privacy

import (
	"context"
	"errors"
	"log/slog"
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

// world is the service over real parts, with a clock that is ahead by some time.
type world struct {
	*Service
	t     *testing.T
	nats  *embedded.Server
	db    *sqlx.DB
	ahead time.Duration
}

func newWorld(t *testing.T, keep Keep) *world {
	t.Helper()
	w := &world{t: t, nats: eventstest.Start(t), db: postgrestest.New(t)}
	js := eventstest.Connect(t, w.nats, "privacy")
	w.Service = New(Config{
		Log: events.NewLog(js, "privacy", nil), Store: events.NewStore(js), DB: w.db, Keep: keep,
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Now().Add(w.ahead) },
	})
	return w
}

// as is NATS as another of its users.
func (w *world) as(user string) (*events.Log, *events.Store) {
	js := eventstest.Connect(w.t, w.nats, user)
	return events.NewLog(js, events.Stage(user), nil), events.NewStore(js)
}

func (w *world) put(user, bucket, name string) events.Artifact {
	w.t.Helper()
	_, store := w.as(user)
	a, err := store.Put(w.t.Context(), bucket, name, strings.NewReader("what is in "+name))
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// job is one that has got as far as some stages, with its row, its ledger and an
// outcome in the database.
func (w *world) job(stages int) events.Job {
	w.t.Helper()
	log, _ := w.as("upload")
	id := events.NewJobID()
	fact := &events.Uploaded{Owner: events.User{ID: "alice", Role: "member"}, FileName: "roll.xlsx", File: w.put("upload", events.BucketUploads, id+"/upload.xlsx")}
	fact.JobID = id
	var job events.Job
	if _, err := log.Append(w.t.Context(), &job, 0, fact); err != nil {
		w.t.Fatal(err)
	}
	made := []func() events.Fact{
		func() events.Fact {
			return &events.Validated{Rows: w.put("validation", events.BucketRows, id+"/rows"), Rejects: w.put("validation", events.BucketRows, id+"/rejects")}
		},
		func() events.Fact {
			return &events.Verified{Verdicts: w.put("iec", events.BucketVerdicts, id+"/verdicts")}
		},
		func() events.Fact {
			return &events.Persisted{Outcomes: w.put("persistence", events.BucketOutcomes, id+"/outcomes")}
		},
		func() events.Fact {
			return &events.Reported{Report: w.put("report", events.BucketReports, id+"/report.xlsx"), Inputs: job.Inputs()}
		},
	}
	for i, f := range made[:stages] {
		log, _ := w.as(string(events.Stages[i]))
		eventstest.Append(w.t, log, &job, f())
		if err := log.SetProgress(w.t.Context(), &job, events.Progress{Service: events.Stages[i], Step: events.FileReading, Status: events.StatusProcessing, Trigger: job.Trigger}); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, statement := range []string{
		`INSERT INTO jobs (job_id, seq, owner_id, owner_role, file_name, file_size, status, stage, progress, created_at, updated_at) VALUES ($1, 1, 'alice', 'member', 'roll.xlsx', 1, 'completed', 'x', 100, now(), now())`,
		`INSERT INTO job_ledger (job_id, written_at) VALUES ($1, now())`,
		`INSERT INTO job_outcomes (job_id, n, id_number, result) VALUES ($1, 2, '8001015009087', 'unchanged')`,
	} {
		if _, err := w.db.Exec(statement, id); err != nil {
			w.t.Fatal(err)
		}
	}
	return job
}

func (w *world) sweep() Swept {
	w.t.Helper()
	swept, err := w.Sweep(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return swept
}

// objects are the names of what all buckets hold of a job.
func (w *world) objects(id string) (names []string) {
	w.t.Helper()
	_, store := w.as("privacy")
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

func (w *world) rows(table, id string) (n int) {
	w.t.Helper()
	if err := w.db.Get(&n, `SELECT count(*) FROM `+table+` WHERE job_id = $1`, id); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// messages is how many a stream has of a job.
func (w *world) messages(stream, id string) int {
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

// Uploads, artifacts, reports and events go each at their own time, of jobs that have
// ended, and the log says so before anything is gone.
func TestEachIsKeptForItsOwnTime(t *testing.T) {
	w := newWorld(t, Keep{Uploads: 30 * day, Artifacts: 90 * day, Reports: 60 * day, Events: 730 * day})
	job, atWork := w.job(4), w.job(2)
	if swept := w.sweep(); swept != (Swept{}) {
		t.Errorf("at once: %+v", swept)
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
		w.sweep()
		if again := w.sweep(); again != (Swept{}) {
			t.Errorf("after %s a second sweep: %+v", step.ahead, again)
		}
		now, err := w.cfg.Log.Load(t.Context(), job.ID)
		if err != nil {
			t.Fatal(err)
		}
		if left := w.objects(job.ID); !slices.Equal(left, step.left) || len(now.Artifacts()) != len(left) {
			t.Errorf("after %s there are %v, and the job names %v", step.ahead, left, now.Artifacts())
		}
		if len(now.Erasures) != step.reasons || now.Status != events.StatusCompleted || !now.UpdatedAt.Equal(job.UpdatedAt) {
			t.Errorf("after %s: %+v", step.ahead, now)
		}
		if n := w.rows("job_outcomes", job.ID); n != step.outcomes {
			t.Errorf("after %s: %d outcomes", step.ahead, n)
		}
		if w.rows("jobs", job.ID) != 1 || w.rows("job_ledger", job.ID) != 1 {
			t.Errorf("after %s the job is not known any more", step.ahead)
		}
	}
	w.ahead = 731 * day
	if swept := w.sweep(); swept != (Swept{Forgotten: 1}) {
		t.Errorf("at the end: %+v", swept)
	}
	if _, err := w.cfg.Log.Load(t.Context(), job.ID); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("the job is still there: %v", err)
	}
	if n := w.messages(events.StreamFacts, job.ID) + w.messages(events.StreamProgress, job.ID); n != 0 {
		t.Errorf("%d messages are left", n)
	}
	if n := w.rows("jobs", job.ID) + w.rows("job_ledger", job.ID) + w.rows("job_outcomes", job.ID); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if left := w.objects(atWork.ID); len(left) != 4 || w.rows("job_outcomes", atWork.ID) != 1 {
		t.Errorf("of a job that is at work there is %v", left)
	}
}

// What is kept for ever goes with the events, and with those kept for ever nothing does.
func TestNothingOutlivesTheEvents(t *testing.T) {
	w := newWorld(t, Keep{Events: 10 * day})
	job := w.job(4)
	w.ahead = 9 * day
	w.sweep()
	if left := w.objects(job.ID); len(left) != 6 {
		t.Errorf("before its time: %v", left)
	}
	w.ahead = 11 * day
	if swept := w.sweep(); swept.Expired != 1 || swept.Forgotten != 1 || swept.Objects != 6 || swept.Bytes == 0 {
		t.Errorf("%+v", swept)
	}
	w.cfg.Keep = Keep{}
	job = w.job(4)
	w.ahead = 10000 * day
	if swept := w.sweep(); swept != (Swept{}) || len(w.objects(job.ID)) != 6 {
		t.Errorf("for ever: %+v", swept)
	}
}

// Whoever was killed after the log had said it leaves the rest to the next sweep, and
// a failed job whose data has expired is not tried again.
func TestASweepGoesOnWhereAnotherWasKilled(t *testing.T) {
	w := newWorld(t, Keep{Uploads: day})
	job := w.job(0)
	log, _ := w.as("validation")
	eventstest.Append(t, log, &job, &events.Failed{Stage: events.StageValidation, Code: "x", Message: "No.", Attempts: 1, Retryable: true})
	eventstest.Append(t, w.cfg.Log, &job, &events.Erased{Reason: events.ErasedExpired, Status: job.Status, Removed: job.Artifacts()})
	if left := w.objects(job.ID); len(left) != 1 {
		t.Fatalf("%v", left)
	}
	if swept := w.sweep(); swept.Objects != 1 || swept.Expired != 0 || len(w.objects(job.ID)) != 0 {
		t.Errorf("%+v", swept)
	}
	log, _ = w.as("upload")
	_, err := log.Append(t.Context(), &job, job.Seq, &events.Retried{Stage: events.StageValidation, By: job.Owner})
	if !errors.Is(err, events.ErrNotAllowed) {
		t.Errorf("tried again: %v", err)
	}
}

// What no fact names goes after a day: objects of deliveries that another has
// overtaken, of uploads that never became a job, and bytes without an object. What a
// job at work has stored stays.
func TestWhatWasLeftBehindGoes(t *testing.T) {
	w := newWorld(t, Keep{})
	job, atWork, never := w.job(4), w.job(1), events.NewJobID()
	w.put("iec", events.BucketVerdicts, job.ID+"/verdicts.7.2")
	w.put("iec", events.BucketVerdicts, atWork.ID+"/verdicts.9.1")
	w.put("upload", events.BucketUploads, never+"/upload.xlsx")
	js := eventstest.Connect(t, w.nats, "upload")
	for range 3 { // chunks of a writer that died
		if _, err := js.Publish(t.Context(), "$O.UPLOADS.C.died", []byte("half a file")); err != nil {
			t.Fatal(err)
		}
	}
	w.ahead = 23 * time.Hour
	if swept := w.sweep(); swept != (Swept{}) {
		t.Errorf("too early: %+v", swept)
	}
	w.ahead = 25 * time.Hour
	if swept := w.sweep(); swept.Objects != 2 || swept.Strays != 1 {
		t.Errorf("%+v", swept)
	}
	if a, b, c := w.objects(job.ID), w.objects(atWork.ID), w.objects(never); len(a) != 6 || len(b) != 4 || len(c) != 0 {
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

// A stream that was lost takes nothing with it: what the database knows of is left.
func TestALostStreamTakesNothingWithIt(t *testing.T) {
	w := newWorld(t, Keep{Uploads: day, Artifacts: day, Reports: day, Events: day})
	job := w.job(4)
	stream, err := eventstest.Connect(t, w.nats, "provisioner").Stream(t.Context(), events.StreamFacts)
	if err == nil {
		err = stream.Purge(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	w.ahead = 10000 * day
	if swept := w.sweep(); swept != (Swept{}) || len(w.objects(job.ID)) != 6 || w.rows("job_outcomes", job.ID) != 1 {
		t.Errorf("%+v, left %v", swept, w.objects(job.ID))
	}
}

// Run sweeps until it is told to end, in two processes at once.
func TestRunSweeps(t *testing.T) {
	w := newWorld(t, Keep{Reports: time.Millisecond})
	job := w.job(4)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	for range 2 {
		go func() { done <- w.Run(ctx) }()
	}
	eventstest.Wait(t, "the report to go", func() bool { return len(w.objects(job.ID)) == 5 })
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

func TestSpells(t *testing.T) {
	for _, c := range []struct {
		cell    string
		numeric bool
		id      string
		want    bool
	}{
		{"8001015009087", false, "8001015009087", true},
		{" 800101-5009 087\t", false, "8001015009087", true},
		{"8001015009087.", false, "8001015009087", false},
		{"101015009087", true, "0101015009087", true},
		{"101015009087", false, "0101015009087", false},
		{"18", true, "0000000000018", false},
		{"", true, "0000000000000", false},
	} {
		if got := spells(c.cell, c.numeric, c.id); got != c.want {
			t.Errorf("%q, numeric %t: %t", c.cell, c.numeric, got)
		}
	}
}
