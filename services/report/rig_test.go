package report

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

// rig is a NATS server on which the report stage runs.
type rig struct {
	srv   *embedded.Server
	store *events.Store // as report
	log   *events.Log   // as report
	stage *Service
	now   time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	srv := eventstest.Start(t)
	js := eventstest.Connect(t, srv, "report")
	r := &rig{srv: srv, store: events.NewStore(js), log: events.NewLog(js, events.StageReport, nil),
		now: time.Now().Add(time.Hour)}
	r.stage = New(Config{Store: r.store, WardTarget: 2, Now: func() time.Time { return r.now }})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	runner := &stage.Runner{Log: r.log, Stage: events.StageReport, Handle: r.stage.Handle, Attempts: 1}
	go func() { done <- runner.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("runner: %v", err)
		}
	})
	return r
}

// connectAs returns a log and a store as another stage uses them, as its own user.
func (r *rig) connectAs(t *testing.T, stage events.Stage) (*events.Log, *events.Store) {
	t.Helper()
	js := eventstest.Connect(t, r.srv, string(stage))
	return events.NewLog(js, stage, nil), events.NewStore(js)
}

// runJob takes a roll through the earlier stages and waits for the end of the job.
func (r *rig) runJob(t *testing.T, in roll) events.Job {
	t.Helper()
	log, _ := r.connectAs(t, events.StageUpload)
	fact := &events.Uploaded{Owner: events.User{ID: "alice@example.org", Role: "member"}, FileName: "roll.xlsx",
		Options: in.options, Area: in.area}
	fact.JobID = events.NewJobID()
	fact.File = eventstest.FakeArtifact(events.BucketUploads, fact.JobID+"/upload.xlsx")
	var job events.Job
	eventstest.Append(t, log, &job, fact)

	log, store := r.connectAs(t, events.StageValidation)
	head := records.Header{JobID: job.ID, Columns: in.columns, Fields: in.fields}
	eventstest.Append(t, log, &job, &events.Validated{
		Rows:    storeRecords(t, store, events.BucketRows, "rows", head, in.rows),
		Rejects: storeRecords(t, store, events.BucketRows, "rejects", head, in.rejects), Stats: in.stats})

	log, store = r.connectAs(t, events.StageIEC)
	head = records.Header{JobID: job.ID}
	eventstest.Append(t, log, &job, &events.Verified{
		Verdicts: storeRecords(t, store, events.BucketVerdicts, "verdicts", head, in.verdicts), Stats: in.iec})

	log, store = r.connectAs(t, events.StagePersistence)
	eventstest.Append(t, log, &job, &events.Persisted{
		Outcomes: storeRecords(t, store, events.BucketOutcomes, "outcomes", head, in.outcomes), Stats: in.db})

	eventstest.Wait(t, "the end of the job", func() bool {
		var err error
		if job, err = r.log.Load(t.Context(), job.ID); err != nil {
			t.Fatal(err)
		}
		return job.Ended()
	})
	return job
}

func storeRecords[T records.Record](
	t testing.TB, store *events.Store, bucket, name string, h records.Header, list []T,
) events.Artifact {
	t.Helper()
	w, err := records.NewWriter[T](store)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	for i := range list {
		if err := w.Write(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	h.Artifact = name
	a, err := w.Store(t.Context(), store, bucket, h.JobID+"/"+name, h)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// download reads the report of a job as the upload service does.
func (r *rig) download(t *testing.T, job events.Job) []byte {
	t.Helper()
	if job.Reported == nil {
		t.Fatalf("the job has no report: %+v", job.Failed)
	}
	_, store := r.connectAs(t, events.StageUpload)
	f, err := store.Fetch(t.Context(), job.Reported.Report)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

// rebuild makes the report of a job once more, without the runner.
func (r *rig) rebuild(t *testing.T, job events.Job) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := r.stage.writeReport(t.Context(), &job, &out, nil, func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func openBook(t *testing.T, data []byte) *xlsx.File {
	t.Helper()
	f, err := xlsx.OpenBinary(data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
