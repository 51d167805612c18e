package privacy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

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
	// Archived counts jobs whose events were moved into one message, and Unarchived
	// those that keep them: they have one that is not trusted, or too many.
	Archived, Unarchived int
}

// Sweep removes once all data whose time is over. For each job it appends the fact
// first and removes the data afterwards, so the next sweep finishes what a killed one
// began. It looks at the jobs of which something is due, and about once a day at all
// objects, for those that were abandoned.
func (s *Service) Sweep(ctx context.Context) (swept Swept, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("sweep: %w", err)
		}
	}()
	if err := s.index(ctx); err != nil {
		return swept, err
	}
	ids, err := s.listDue(ctx)
	if err != nil {
		return swept, err
	}
	for _, id := range ids {
		if err := s.sweepJob(ctx, id, &swept); err != nil {
			return swept, err
		}
	}
	if err := s.removeAbandoned(ctx, &swept); err != nil {
		return swept, err
	}
	err = s.archive(ctx, &swept)
	return swept, err
}

// sweepJob removes what is due of a job.
func (s *sweeper) sweepJob(ctx context.Context, id string, swept *Swept) error {
	job, err := s.loadJob(ctx, id)
	if err != nil || job == nil {
		return err
	}
	if err := s.removeObjectedUpload(ctx, job); err != nil {
		return err
	}
	expired, err := s.expire(ctx, job)
	if err != nil {
		return err
	}
	if expired {
		swept.Expired++
		if err := s.forgetPeople(ctx, id); err != nil {
			return err
		}
	}
	if err := s.removeErased(ctx, job, swept); err != nil {
		return err
	}
	if job.Expired() == nil || !s.hasExpired(job, s.cfg.Keep.Events) {
		return s.markClean(ctx, job)
	}
	swept.Forgotten++
	return s.forgetJob(ctx, id)
}

// sweeper removes what no longer has to be kept.
type sweeper struct {
	cfg                  *Config
	archived, unarchived *atomic.Uint64 // counts of this process
}

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
	if !job.Ended() || len(old) == 0 && (job.Expired() != nil || !s.hasExpired(job, s.cfg.Keep.Events)) {
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

// removeAllErased removes what the events of any job say is erased, also those that an
// earlier pass has appended before it was killed.
func (s *sweeper) removeAllErased(ctx context.Context) error {
	if err := s.index(ctx); err != nil {
		return err
	}
	var ids []string
	if err := s.cfg.DB.SelectContext(ctx, &ids, `SELECT job_id FROM job_retention WHERE unclean`); err != nil {
		return fmt.Errorf("list what was erased: %w", err)
	}
	for _, id := range ids {
		job, err := s.loadJob(ctx, id)
		if err != nil {
			return err
		}
		if job == nil {
			continue
		}
		if err := s.removeErased(ctx, job, &Swept{}); err != nil {
			return err
		}
	}
	return nil
}

// removeErased removes what the events of a job say is erased: objects that no other job
// names, and the rows of job_outcomes, with the values that were overwritten, once the
// artifact outcomes is gone.
func (s *sweeper) removeErased(ctx context.Context, job *events.Job, swept *Swept) error {
	shared, err := s.listShared(ctx, job.ID)
	if err != nil {
		return err
	}
	kept := job.Artifacts()
	remove := func(a events.Artifact) error {
		if shared[a.Bucket+" "+a.Name] || slices.Contains(kept, a) {
			return nil
		}
		o, err := s.cfg.Store.Find(ctx, a.Bucket, a.Name)
		if err != nil || o == nil {
			return err
		}
		swept.Objects++
		swept.Bytes += o.Size
		return s.cfg.Store.Remove(ctx, *o)
	}
	for _, e := range job.Erasures {
		for _, a := range e.Removed {
			if err := remove(a); err != nil {
				return err
			}
		}
		for _, r := range e.Replaced {
			if err := remove(r.Was); err != nil {
				return err
			}
		}
	}
	if job.Persisted == nil || job.Removed(job.Persisted.Outcomes) == nil {
		return nil
	}
	for _, table := range []string{"job_outcome_rows", "job_outcome_groups"} {
		if _, err := s.cfg.DB.ExecContext(ctx, `DELETE FROM `+table+` WHERE job_id = $1`, job.ID); err != nil {
			return fmt.Errorf("delete outcomes: %w", err)
		}
	}
	return nil
}

// removeAbandoned removes objects that no job names, once they are as old as Grace: a
// stage at work may be about to name what it has stored. It does so when something may
// be that old: a day after it last looked, or when what was too young then no longer is.
func (s *sweeper) removeAbandoned(ctx context.Context, swept *Swept) error {
	now := s.cfg.Now()
	var due bool
	err := s.cfg.DB.GetContext(ctx, &due, `SELECT look_after <= $1 FROM job_retention_state`, now)
	if err != nil || !due {
		return err
	}
	a, err := s.newAbandoned(ctx, now)
	if err != nil {
		return err
	}
	for _, bucket := range events.ObjectBuckets() {
		var objects []events.Object
		for o, err := range s.cfg.Store.Objects(ctx, bucket) {
			if err != nil {
				return err
			}
			objects = append(objects, o)
			if err := a.look(ctx, o, swept); err != nil {
				return err
			}
		}
		strays, err := s.cfg.Store.Strays(ctx, bucket, objects)
		if err != nil {
			return err
		}
		for _, stray := range strays {
			if !a.isOld(stray.At) {
				continue
			}
			if err := s.cfg.Store.RemoveStray(ctx, bucket, stray); err != nil {
				return err
			}
			swept.Strays++
		}
	}
	if n := len(a.lost); n > 0 {
		s.cfg.Logger.ErrorContext(ctx, "the stream has lost jobs that the table jobs has; "+
			"keeping their objects until an operator restores or removes them", "jobs", n)
	}
	if _, err := s.cfg.DB.ExecContext(ctx, `UPDATE job_retention_state SET look_after = $1`, a.next); err != nil {
		return fmt.Errorf("note when to look again: %w", err)
	}
	return nil
}

// abandoned is one search for objects that no job names.
type abandoned struct {
	s         *sweeper
	before    time.Time // what was stored before is old
	next      time.Time // when to look again
	named     map[int64]bool
	projected map[string]bool
	jobs      map[string]*events.Job // that were loaded, nil for one that is not there
	lost      map[string]bool        // jobs that the table jobs has and the stream has not
}

func (s *sweeper) newAbandoned(ctx context.Context, now time.Time) (*abandoned, error) {
	a := &abandoned{s: s, before: now.Add(-s.cfg.Grace), next: now.Add(s.cfg.Grace), named: map[int64]bool{},
		jobs: map[string]*events.Job{}, lost: map[string]bool{}}
	// The table first: a job that it has is in the stream, whenever that is asked later.
	var err error
	if a.projected, err = s.listProjectedJobs(ctx); err != nil {
		return nil, err
	}
	rows, err := s.cfg.DB.QueryxContext(ctx, `SELECT unnest(objects) FROM job_retention`)
	if err != nil {
		return nil, fmt.Errorf("list artifacts: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has the error
	for rows.Next() {
		var hash int64
		if err := rows.Scan(&hash); err != nil {
			return nil, fmt.Errorf("list artifacts: %w", err)
		}
		a.named[hash] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list artifacts: %w", err)
	}
	return a, nil
}

// isOld reports whether something is old enough to be abandoned. What will be is looked
// at again then.
func (a *abandoned) isOld(at time.Time) bool {
	if at.Before(a.before) {
		return true
	}
	if due := at.Add(a.s.cfg.Grace).Add(time.Millisecond); due.Before(a.next) {
		a.next = due
	}
	return false
}

// look removes an object if it was abandoned.
func (a *abandoned) look(ctx context.Context, o events.Object, swept *Swept) error {
	if a.named[hashName(o.Bucket, o.Name)] || !a.isOld(o.At) {
		return nil
	}
	job, err := a.load(ctx, o.JobID())
	switch {
	case err != nil:
		return err
	case job == nil && (a.lost[o.JobID()] || a.isUnknown(o.JobID())):
		return nil
	case job != nil && (!job.Ended() || slices.ContainsFunc(job.Artifacts(), func(n events.Artifact) bool {
		return n.Bucket == o.Bucket && n.Name == o.Name
	})):
		return nil
	}
	if err := a.s.cfg.Store.Remove(ctx, o); err != nil {
		return err
	}
	swept.Objects++
	swept.Bytes += o.Size
	return nil
}

// newerJob stands for a job that this program cannot read.
var newerJob = &events.Job{}

func (a *abandoned) isUnknown(id string) bool { return a.jobs[id] == newerJob }

// load returns the job of an object, nil where there is none. It notes the jobs that the
// table jobs has and the stream has not: the stream was lost, or restored from an old
// copy. Whoever forgets a job deletes its row first. The objects are then all that is
// left of the job.
func (a *abandoned) load(ctx context.Context, id string) (*events.Job, error) {
	if job, ok := a.jobs[id]; ok || id == "" {
		if job == newerJob {
			return nil, nil
		}
		return job, nil
	}
	job, err := a.s.cfg.Log.Load(ctx, id)
	switch {
	case err == nil:
		a.jobs[id] = &job
		return &job, nil
	case errors.Is(err, events.ErrNewer):
		a.jobs[id] = newerJob
		return nil, nil
	case !errors.Is(err, events.ErrNotFound):
		return nil, err
	}
	a.jobs[id] = nil
	if !a.projected[id] {
		return nil, nil
	}
	// Unless somebody has forgotten it just now.
	var there bool
	if err := a.s.cfg.DB.GetContext(ctx, &there, `SELECT EXISTS (SELECT FROM jobs WHERE job_id = $1)`, id); err != nil {
		return nil, fmt.Errorf("look for a job: %w", err)
	}
	if there {
		a.lost[id] = true
	}
	return nil, nil
}

// listProjectedJobs returns the jobs of the table jobs.
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

// forgetJob removes everything of a job. Its events go last, because the next sweep
// finds by them what this one has not done.
func (s *sweeper) forgetJob(ctx context.Context, id string) error {
	tx, err := s.cfg.DB.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("forget job: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	for _, table := range []string{
		"job_outcome_rows", "job_outcome_groups", "job_ledger", "job_people", "job_retention", "jobs",
	} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE job_id = $1`, id); err != nil {
			return fmt.Errorf("forget job: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("forget job: %w", err)
	}
	return s.cfg.Log.PurgeJob(ctx, id)
}
