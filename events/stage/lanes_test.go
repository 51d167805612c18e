package stage_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// Who came first is served first, within the big jobs and within the small ones, and no
// place stays empty while somebody waits.
func TestWaitingJobsAreServedInTheOrderInWhichTheyCame(t *testing.T) {
	const jobs, work = 60, 40 * time.Millisecond
	for name, size := range map[string]int64{"big": 5 << 20, "small": 40 << 10} {
		t.Run(name, func(t *testing.T) {
			srv := eventstest.Start(t)
			at := map[string]int{}
			up := logAs(t, srv, events.StageUpload)
			for i := range jobs {
				file := eventstest.FakeArtifact(events.BucketUploads, events.NewJobID()+"/upload.xlsx")
				file.Size = size
				at[eventstest.Upload(t, up, alice, file, events.Options{}).ID] = i
			}
			var mu sync.Mutex
			var order []int
			var last string
			began := time.Now()
			runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
				mu.Lock()
				order, last = append(order, at[w.Job.ID]), w.Job.ID
				mu.Unlock()
				time.Sleep(work)
				return validated(ctx, w)
			})
			eventstest.Wait(t, "all jobs", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return len(order) == jobs
			})
			waitFor(t, srv, last, events.KindValidated)
			// Jobs are loaded side by side before they ask for a place, so a few change places.
			const few = 10
			for place, i := range order {
				if place-i > few || i-place > few {
					t.Errorf("job %d was served as number %d: %v", i, place, order)
					break
				}
			}
			// It takes little more than a second. A job that waits for a free place as for a
			// delivery that is repeated takes seconds each.
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}
