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

// bigUpload uploads a file that is large enough for a big job.
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
	var running, most atomic.Int32
	runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		if w.Job.Uploaded.File.Size > 1<<20 {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return validated(ctx, w)
	}, func(r *stage.Runner) { r.Workers = 2 })
	eventstest.Wait(t, "both workers to be busy", func() bool { return running.Load() == 2 })
	for range 5 {
		waitFor(t, srv, upload(t, srv).ID, events.KindValidated)
	}
	close(release)
	for _, job := range big {
		waitFor(t, srv, job.ID, events.KindValidated)
	}
	if most.Load() != 2 {
		t.Errorf("%d big jobs at once, want 2", most.Load())
	}
}
