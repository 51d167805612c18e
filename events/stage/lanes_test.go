package stage_test

import (
	"context"
	"sync/atomic"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
)

// bigUpload is a job whose file is of a size that holds many rows.
func bigUpload(t *testing.T, srv *embedded.Server) events.Job {
	t.Helper()
	file := eventstest.FakeArtifact(events.BucketUploads, events.NewJobID()+"/upload.xlsx")
	file.Size = 10 << 20
	return eventstest.Upload(t, logAs(t, srv, events.StageUpload), alice, file, events.Options{})
}

func TestSmallJobsDoNotWaitForBigOnes(t *testing.T) {
	srv := eventstest.Start(t)
	var big []events.Job
	for range 4 {
		big = append(big, bigUpload(t, srv))
	}
	release := make(chan struct{})
	var atWork, most atomic.Int32
	runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		if w.Job.Uploaded.File.Size > 1<<20 {
			most.Store(max(most.Load(), atWork.Add(1)))
			defer atWork.Add(-1)
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return validated(ctx, w)
	}, func(r *stage.Runner) { r.Workers = 2 })
	eventstest.Wait(t, "all workers to be at work", func() bool { return atWork.Load() == 2 })
	for range 5 {
		waitFor(t, srv, upload(t, srv).ID, events.KindValidated)
	}
	close(release)
	for _, job := range big {
		waitFor(t, srv, job.ID, events.KindValidated)
	}
	if most.Load() != 2 {
		t.Errorf("%d big jobs at once", most.Load())
	}
}
