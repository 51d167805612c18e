package privacy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"rollcall.example/events"
)

// Swept counts what a sweep has removed.
type Swept struct {
	// Expired are jobs of which something was kept no longer from now on, and
	// Forgotten those that are not known any more.
	Expired, Forgotten int
	Objects            int
	Bytes              int64
	// Strays are writings that were never finished.
	Strays int
}

// Sweep removes once what is kept no longer. First each job's log says so, then the
// data goes: whoever is killed in between leaves what the next sweep removes.
func (s *Service) Sweep(ctx context.Context) (swept Swept, err error) {
	jobs, err := s.jobs(ctx)
	if err != nil {
		return swept, fmt.Errorf("sweep: %w", err)
	}
	for _, job := range jobs {
		expired, err := s.expire(ctx, job)
		if err != nil {
			return swept, fmt.Errorf("sweep: %w", err)
		}
		if expired {
			swept.Expired++
		}
	}
	if err := s.removeObjects(ctx, jobs, &swept); err != nil {
		return swept, fmt.Errorf("sweep: %w", err)
	}
	if err := s.clearOutcomes(ctx, jobs); err != nil {
		return swept, fmt.Errorf("sweep: %w", err)
	}
	for _, job := range jobs {
		if job.Expired() == nil || !s.past(job, s.cfg.Keep.Events) {
			continue
		}
		if err := s.forget(ctx, job.ID); err != nil {
			return swept, fmt.Errorf("sweep: %w", err)
		}
		swept.Forgotten++
	}
	return swept, nil
}

// past says whether a job has ended that long ago.
func (s *Service) past(job *events.Job, keep time.Duration) bool {
	return keep > 0 && job.Ended() && s.cfg.Now().Sub(job.UpdatedAt) >= keep
}

// expire appends that the artifacts of a job which are old enough are kept no
// longer. A job that moves on at this moment is left to the next sweep.
func (s *Service) expire(ctx context.Context, job *events.Job) (bool, error) {
	var old []events.Artifact
	for _, a := range job.Artifacts() {
		if s.past(job, s.cfg.Keep.of(a.Bucket)) {
			old = append(old, a)
		}
	}
	if len(old) == 0 && (job.Expired() != nil || !s.past(job, s.cfg.Keep.Events)) {
		return false, nil
	}
	fact := &events.Erased{Reason: events.ErasedExpired, Status: job.Status, Removed: old}
	_, err := s.cfg.Log.Append(ctx, job, job.Seq, fact)
	if errors.Is(err, events.ErrConflict) || errors.Is(err, events.ErrNotAllowed) {
		return false, nil
	}
	return err == nil, err
}

// removeObjects removes the objects that no job names: at once those that were
// erased, after Grace those that were left behind. Who is at work may be about to
// name what he has stored.
func (s *Service) removeObjects(ctx context.Context, jobs map[string]*events.Job, swept *Swept) error {
	type key struct{ bucket, name string }
	named, erased := map[key]bool{}, map[key]bool{}
	for _, job := range jobs {
		for _, a := range job.Artifacts() {
			named[key{a.Bucket, a.Name}] = true
		}
		for _, e := range job.Erasures {
			for _, a := range e.Removed {
				erased[key{a.Bucket, a.Name}] = true
			}
			for _, r := range e.Replaced {
				erased[key{r.Was.Bucket, r.Was.Name}] = true
			}
		}
	}
	listed, err := s.listed(ctx)
	if err != nil {
		return err
	}
	lost := map[string]bool{}
	before := s.cfg.Now().Add(-s.cfg.Grace)
	for _, bucket := range events.ObjectBuckets() {
		for o, err := range s.cfg.Store.Objects(ctx, bucket) {
			if err != nil {
				return err
			}
			k, job := key{bucket, o.Name}, jobs[o.JobID()]
			if job == nil && listed[o.JobID()] {
				lost[o.JobID()] = true
				continue
			}
			left := o.At.Before(before) && (job == nil || job.Ended())
			if named[k] || !erased[k] && !left {
				continue
			}
			if err := s.cfg.Store.Remove(ctx, o); err != nil {
				return err
			}
			swept.Objects++
			swept.Bytes += o.Size
		}
		strays, err := s.cfg.Store.RemoveStrayChunks(ctx, bucket, before)
		swept.Strays += strays
		if err != nil {
			return err
		}
	}
	if len(lost) > 0 {
		s.cfg.Logger.ErrorContext(ctx, "the stream does not have jobs that the database knows: what is kept of them is left, to be put right by hand", "jobs", len(lost))
	}
	return nil
}

// listed are the jobs of the table jobs. A job that is there and not in the stream was
// not forgotten here, which clears the table first: the stream was lost, or restored
// from an old copy, and the objects are all that is left.
func (s *Service) listed(ctx context.Context) (map[string]bool, error) {
	var ids []string
	if err := s.cfg.DB.SelectContext(ctx, &ids, `SELECT job_id FROM jobs`); err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	all := make(map[string]bool, len(ids))
	for _, id := range ids {
		all[id] = true
	}
	return all, nil
}

// clearOutcomes deletes what the database holds of the rows of jobs whose outcomes
// are kept no longer, with the values that they overwrote.
func (s *Service) clearOutcomes(ctx context.Context, jobs map[string]*events.Job) error {
	var ids []string
	for id, job := range jobs {
		if job.Persisted != nil && job.Removed(job.Persisted.Outcomes) != nil {
			ids = append(ids, id)
		}
	}
	if _, err := s.cfg.DB.ExecContext(ctx, `DELETE FROM job_outcomes WHERE job_id = ANY ($1)`, pq.Array(ids)); err != nil {
		return fmt.Errorf("clear outcomes: %w", err)
	}
	return nil
}

// forget removes a job as a whole, its events last, for the next sweep finds by
// them what this one has not done.
func (s *Service) forget(ctx context.Context, id string) error {
	tx, err := s.cfg.DB.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("forget job: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	for _, table := range []string{"job_outcomes", "job_ledger", "jobs"} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE job_id = $1`, id); err != nil {
			return fmt.Errorf("forget job: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("forget job: %w", err)
	}
	return s.cfg.Log.PurgeJob(ctx, id)
}
