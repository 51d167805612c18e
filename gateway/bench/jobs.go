//go:build unix

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall.example/events"
)

// maxWriters is how many facts may wait for the disk at once.
const maxWriters = 32

// job is a job that clients follow. One writer at a time appends to it.
type job struct {
	events.Job
	owner  events.User
	mu     sync.Mutex
	seqs   []uint64    // of its facts, in order
	stored []time.Time // when the server acknowledged each of them
}

// append stores the job's next fact: uploaded, then cancelled and retried in turn, as
// often as needed.
func (j *job) append(ctx context.Context, log *events.Log) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var fact events.Fact
	switch {
	case j.ID == "":
		id := events.NewJobID()
		file := events.Artifact{Bucket: events.BucketUploads, Name: id + "/upload.xlsx"}
		up := &events.Uploaded{Owner: j.owner, FileName: "roll.xlsx", File: file}
		up.JobID = id
		fact = up
	case j.Ended():
		fact = &events.Retried{Stage: j.Stage, By: j.owner}
	default:
		fact = &events.Cancelled{Stage: j.Stage, By: j.owner}
	}
	e, err := log.Append(ctx, &j.Job, j.Seq, fact)
	if err != nil {
		return err
	}
	j.seqs, j.stored = append(j.seqs, e.Seq), append(j.stored, time.Now())
	return nil
}

// append stores a job's next fact, or has a peer send its next message.
func (b *bench) append(ctx context.Context, j *job) error {
	if b.peer != nil {
		return j.publish(ctx, b.peer)
	}
	return j.append(ctx, b.log)
}

func (j *job) facts() []uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.seqs)
}

// upload makes the jobs and their histories.
func (b *bench) upload(ctx context.Context, _ *report) error {
	b.jobs = make([]*job, b.Jobs)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxWriters)
	for i := range b.jobs {
		b.jobs[i] = &job{owner: events.User{ID: fmt.Sprintf("user-%d", i), Role: "member"}}
		group.Go(func() error {
			for range b.History {
				if err := b.append(ctx, b.jobs[i]); err != nil {
					return fmt.Errorf("make histories: %w", err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// appendSteadily appends facts to one job after the other at the set rate, and returns
// how long it took to store each. If the disk is slower than the rate, the whole takes
// longer.
func (b *bench) appendSteadily(ctx context.Context) (stored []time.Duration, elapsed time.Duration, err error) {
	start, n := time.Now(), int(float64(b.Rate)*b.Time.Seconds())
	stored = make([]time.Duration, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxWriters)
	for i := range n {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(b.Rate))
		if err := sleepUntil(ctx, due); err != nil {
			break // the group returns the cause
		}
		group.Go(func() error {
			begin := time.Now()
			err := b.append(ctx, b.jobs[i%len(b.jobs)])
			stored[i] = time.Since(begin)
			return err
		})
	}
	err = group.Wait()
	return stored, time.Since(start), err
}

func sleepUntil(ctx context.Context, t time.Time) error {
	d := time.Until(t)
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
