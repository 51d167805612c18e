package privacy

import (
	"context"
	"errors"
	"fmt"

	"rollcall.example/events"
)

// mostArchived is how many jobs a sweep archives at most. It is more than end in an hour,
// and does not keep what is due from being removed for long.
const mostArchived = 10_000

// archive moves the events of jobs that have ended long ago into one message each, the
// oldest first. A job of which something is erased waits until it is removed: whoever makes
// the index anew need not look for what the events of an archive say is erased.
func (s *sweeper) archive(ctx context.Context, swept *Swept) error {
	if s.cfg.ArchiveAfter == 0 {
		return nil
	}
	now := s.cfg.Now()
	var jobs []struct {
		ID  string `db:"job_id"`
		Seq int64  `db:"seq"`
	}
	if err := s.cfg.DB.SelectContext(ctx, &jobs, `SELECT job_id, r.seq FROM job_retention r, job_retention_state
WHERE NOT archived AND NOT newer AND NOT unclean AND ended_at <= $1 AND archive_from <= $2 ORDER BY ended_at LIMIT $3`,
		now.Add(-s.cfg.ArchiveAfter), now, mostArchived); err != nil {
		return fmt.Errorf("list jobs to be archived: %w", err)
	}
	for _, job := range jobs {
		if err := s.archiveJob(ctx, job.ID, job.Seq, swept); err != nil {
			return err
		}
	}
	return nil
}

// archiveJob archives a job, of which the index knows the events up to seq. One that has
// changed just now is left to the next sweep.
func (s *sweeper) archiveJob(ctx context.Context, id string, seq int64, swept *Swept) error {
	job, err := s.cfg.Log.Archive(ctx, id, uint64(seq))
	switch {
	case err == nil:
		swept.Archived++
		s.archived.Add(1)
	case errors.Is(err, events.ErrNotArchived) && job.Ended():
		// It is evidence, or too long. It is looked at again when something happens to it.
		s.cfg.Logger.WarnContext(ctx, "a job keeps its events one by one", "job", id, "err", err)
		swept.Unarchived++
		s.unarchived.Add(1)
	case errors.Is(err, events.ErrNotArchived), errors.Is(err, events.ErrNotFound), errors.Is(err, events.ErrNewer),
		errors.Is(err, events.ErrConflict), errors.Is(err, events.ErrBehind):
		return nil
	default:
		return err
	}
	if _, err := s.cfg.DB.ExecContext(ctx, `UPDATE job_retention SET archived = true WHERE job_id = $1 AND seq = $2`,
		id, seq); err != nil {
		return fmt.Errorf("note what is archived: %w", err)
	}
	return nil
}

// Archived returns how many jobs this process has archived, and how many it has found that
// cannot be.
func (s *sweeper) Archived() (archived, kept uint64) { return s.archived.Load(), s.unarchived.Load() }
