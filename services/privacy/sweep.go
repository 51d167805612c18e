package privacy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"rollcall.example/events"
)

// Swept counts what a sweep has done.
type Swept struct {
	// Expired counts jobs of which the sweep has marked artifacts as expired, and
	// Forgotten jobs that it has removed altogether.
	Expired, Forgotten int
	Objects            int
	Bytes              int64
	// Strays counts abandoned writes: bytes that belong to no object.
	Strays int
}

// Sweep removes once all data whose time is over. For each job it appends the fact
// first and removes the data afterwards, so the next sweep finishes what a killed one
// began.
func (s *Service) Sweep(ctx context.Context) (swept Swept, err error) {
	jobs, err := readJobs(ctx, s.cfg, nil)
	if err != nil {
		return swept, fmt.Errorf("sweep: %w", err)
	}
	for _, job := range jobs {
		if err := s.removeObjectedUpload(ctx, job); err != nil {
			return swept, fmt.Errorf("sweep: %w", err)
		}
		expired, err := s.expire(ctx, job)
		if err != nil {
			return swept, fmt.Errorf("sweep: %w", err)
		}
		if expired {
			swept.Expired++
		}
	}
	if err := s.removeUnnamedObjects(ctx, jobs, &swept); err != nil {
		return swept, fmt.Errorf("sweep: %w", err)
	}
	if err := s.deleteOutcomes(ctx, jobs); err != nil {
		return swept, fmt.Errorf("sweep: %w", err)
	}
	for _, job := range jobs {
		if job.Expired() == nil || !s.hasExpired(job, s.cfg.Keep.Events) {
			continue
		}
		if err := s.forgetJob(ctx, job.ID); err != nil {
			return swept, fmt.Errorf("sweep: %w", err)
		}
		swept.Forgotten++
	}
	return swept, nil
}

// sweeper removes what no longer has to be kept.
type sweeper struct{ cfg *Config }

// hasExpired reports whether the job ended at least keep ago. 0 means for ever.
func (s *sweeper) hasExpired(job *events.Job, keep time.Duration) bool {
	return keep > 0 && job.Ended() && s.cfg.Now().Sub(job.UpdatedAt) >= keep
}

// expire appends an erased fact with the artifacts of the job whose time is over. It
// leaves a job that changes at the same moment to the next sweep.
func (s *sweeper) expire(ctx context.Context, job *events.Job) (bool, error) {
	var old []events.Artifact
	for _, a := range job.Artifacts() {
		if s.hasExpired(job, s.cfg.Keep.forBucket(a.Bucket)) {
			old = append(old, a)
		}
	}
	if len(old) == 0 && (job.Expired() != nil || !s.hasExpired(job, s.cfg.Keep.Events)) {
		return false, nil
	}
	fact := &events.Erased{Reason: events.ErasedExpired, Status: job.Status, Removed: old}
	_, err := s.cfg.Log.Append(ctx, job, job.Seq, fact)
	if errors.Is(err, events.ErrConflict) || errors.Is(err, events.ErrNotAllowed) {
		return false, nil
	}
	return err == nil, err
}

// removeObjectedUpload has the upload removed of a job that left out people who have
// objected. The spreadsheet is all that still names them.
func (s *sweeper) removeObjectedUpload(ctx context.Context, job *events.Job) error {
	if !job.Ended() || job.Validated == nil || job.Validated.Stats.Objected == 0 ||
		job.Removed(job.Uploaded.File) != nil {
		return nil
	}
	fact := &events.Erased{Reason: events.ErasedPerson, Status: job.Status,
		Removed: []events.Artifact{job.Uploaded.File}}
	_, err := s.cfg.Log.Append(ctx, job, job.Seq, fact)
	if errors.Is(err, events.ErrConflict) || errors.Is(err, events.ErrNotAllowed) {
		return nil
	}
	return err
}

// removeUnnamedObjects removes the objects that no job names. It removes erased
// objects at once and abandoned ones after Grace, because a stage at work may be
// about to name what it has stored.
func (s *sweeper) removeUnnamedObjects(ctx context.Context, jobs map[string]*events.Job, swept *Swept) error {
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
	projected, err := s.listProjectedJobs(ctx)
	if err != nil {
		return err
	}
	lost := map[string]bool{} // jobs that the table has and the stream has not
	before := s.cfg.Now().Add(-s.cfg.Grace)
	for _, bucket := range events.ObjectBuckets() {
		for o, err := range s.cfg.Store.Objects(ctx, bucket) {
			if err != nil {
				return err
			}
			k, job := key{bucket, o.Name}, jobs[o.JobID()]
			if job == nil && projected[o.JobID()] {
				lost[o.JobID()] = true
				continue
			}
			abandoned := o.At.Before(before) && (job == nil || job.Ended())
			if named[k] || !erased[k] && !abandoned {
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
		s.cfg.Logger.ErrorContext(ctx, "the stream has lost jobs that the table jobs has; "+
			"keeping their objects until an operator restores or removes them", "jobs", len(lost))
	}
	return nil
}

// listProjectedJobs returns the jobs of the table jobs. If a job is there and not in
// the stream, the stream was lost or restored from an old copy: forgetJob deletes the
// row first. The objects are then all that is left of the job.
func (s *sweeper) listProjectedJobs(ctx context.Context) (map[string]bool, error) {
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

// deleteOutcomes deletes the rows of job_outcomes, with the values that were
// overwritten, for the jobs whose artifact outcomes has been removed.
func (s *sweeper) deleteOutcomes(ctx context.Context, jobs map[string]*events.Job) error {
	var ids []string
	for id, job := range jobs {
		if job.Persisted != nil && job.Removed(job.Persisted.Outcomes) != nil {
			ids = append(ids, id)
		}
	}
	if _, err := s.cfg.DB.ExecContext(ctx, `DELETE FROM job_outcomes WHERE job_id = ANY ($1)`,
		pq.Array(ids)); err != nil {
		return fmt.Errorf("delete outcomes: %w", err)
	}
	return nil
}

// forgetJob removes everything of a job. Its events go last, because the next sweep
// finds by them what this one has not done.
func (s *sweeper) forgetJob(ctx context.Context, id string) error {
	tx, err := s.cfg.DB.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("forget job: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
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
