package privacy

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"rollcall.example/events"
)

// retention is what the table job_retention has of a job. The table says where to look:
// what is to be done with a job is decided by its events.
type retention struct {
	JobID        string         `db:"job_id"`
	Seq          int64          `db:"seq"`
	EndedAt      *time.Time     `db:"ended_at"`
	HasUpload    bool           `db:"has_upload"`
	HasArtifacts bool           `db:"has_artifacts"`
	HasReports   bool           `db:"has_reports"`
	Expired      bool           `db:"expired"`
	Unclean      bool           `db:"unclean"`
	Newer        bool           `db:"newer"`
	Objects      pq.Int64Array  `db:"objects"`
	Shared       pq.StringArray `db:"shared"`
	Archived     bool           `db:"archived"` // nothing of it is left to be archived
}

const upsertRetention = `INSERT INTO job_retention (job_id, seq, ended_at, has_upload, has_artifacts, has_reports,
  expired, unclean, newer, objects, shared, archived)
VALUES (:job_id, :seq, :ended_at, :has_upload, :has_artifacts, :has_reports, :expired, :unclean, :newer, :objects,
  :shared, :archived)
ON CONFLICT (job_id) DO UPDATE SET seq = excluded.seq, ended_at = excluded.ended_at, has_upload = excluded.has_upload,
  has_artifacts = excluded.has_artifacts, has_reports = excluded.has_reports, expired = excluded.expired,
  unclean = excluded.unclean, newer = excluded.newer, objects = excluded.objects, shared = excluded.shared,
  archived = excluded.archived OR job_retention.archived AND job_retention.seq = excluded.seq
WHERE job_retention.seq <= excluded.seq`

// hashName returns what stands for the name of an object in the index.
func hashName(bucket, name string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(bucket + " " + name)) // never fails
	return int64(h.Sum64())
}

func retentionOf(job *events.Job) retention {
	r := retention{JobID: job.ID, Seq: int64(job.Seq), Expired: job.Expired() != nil,
		Unclean: len(job.Erasures) > 0 || job.Validated != nil && job.Validated.Stats.Objected > 0,
		Objects: pq.Int64Array{}, Shared: pq.StringArray{}}
	if job.Ended() {
		r.EndedAt = &job.UpdatedAt
	}
	for _, a := range job.Artifacts() {
		switch a.Bucket {
		case events.BucketUploads:
			r.HasUpload = true
		case events.BucketReports:
			r.HasReports = true
		default:
			r.HasArtifacts = true
		}
		r.Objects = append(r.Objects, hashName(a.Bucket, a.Name))
		if !strings.HasPrefix(a.Name, job.ID+"/") {
			r.Shared = append(r.Shared, a.Bucket+" "+a.Name)
		}
	}
	return r
}

// maxRows is how many rows are written at once.
const maxRows = 500

// index makes the table job_retention what the log says. It reads only what is new.
func (s *sweeper) index(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("index jobs: %w", err)
		}
	}()
	stream, err := s.cfg.Log.JetStream().Stream(ctx, events.StreamFacts)
	if err != nil {
		return err
	}
	info := stream.CachedInfo()
	tx, err := s.cfg.DB.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	var state struct {
		Seq    uint64 `db:"seq"`
		IsSame bool   `db:"same"`
	}
	made := info.Created.UTC().Truncate(time.Microsecond)
	if err := tx.GetContext(ctx, &state, `SELECT seq, made_at = $1 AS same FROM job_retention_state FOR UPDATE`,
		made); err != nil {
		return err
	}
	if !state.IsSame || info.State.LastSeq < state.Seq {
		// The stream was made anew, or put back to an older copy.
		if _, err := tx.ExecContext(ctx, `DELETE FROM job_retention`); err != nil {
			return err
		}
		state.Seq = 0
	}
	w := rowWriter{ctx: ctx, tx: tx, rows: map[string]retention{}}
	last, err := s.cfg.Log.Changes(ctx, state.Seq, func(c events.Change) error { return s.indexChange(&w, c) })
	if err != nil {
		return err
	}
	// A newer program may know by now what an older one did not.
	var newer []string
	if err := tx.SelectContext(ctx, &newer, `SELECT job_id FROM job_retention WHERE newer`); err != nil {
		return err
	}
	for _, id := range newer {
		c := events.Change{JobID: id}
		if c.Job, c.Err = s.cfg.Log.Load(ctx, id); c.Err != nil && !errors.Is(c.Err, events.ErrNewer) &&
			!errors.Is(c.Err, events.ErrNotFound) {
			return c.Err
		}
		if err := s.indexChange(&w, c); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE job_retention_state SET seq = $1, made_at = $2`, int64(last),
		made); err != nil {
		return err
	}
	return tx.Commit()
}

// indexChange adds the row of a job to those that are written.
func (s *sweeper) indexChange(w *rowWriter, c events.Change) error {
	switch {
	case errors.Is(c.Err, events.ErrNotFound):
		return nil // forgotten, or nothing of it can be believed
	case c.Err != nil:
		s.cfg.Logger.WarnContext(w.ctx, "job left alone until a newer rollcall runs", "job", c.JobID, "err", c.Err)
		return w.add(retention{JobID: c.JobID, Newer: true, Objects: pq.Int64Array{}, Shared: pq.StringArray{}})
	}
	r := retentionOf(&c.Job)
	r.Archived, r.Unclean = c.Alone, r.Unclean && !c.Alone
	return w.add(r)
}

// rowWriter writes rows of job_retention, many at once.
type rowWriter struct {
	ctx  context.Context
	tx   *sqlx.Tx
	rows map[string]retention
}

func (w *rowWriter) add(r retention) error {
	if r.Newer {
		// Its sequence is not known. It must replace the row that an older event gave.
		if _, err := w.tx.ExecContext(w.ctx, `DELETE FROM job_retention WHERE job_id = $1`, r.JobID); err != nil {
			return err
		}
	}
	w.rows[r.JobID] = r
	if len(w.rows) >= maxRows {
		return w.flush()
	}
	return nil
}

func (w *rowWriter) flush() error {
	if len(w.rows) == 0 {
		return nil
	}
	list := make([]retention, 0, len(w.rows))
	for _, r := range w.rows {
		list = append(list, r)
	}
	clear(w.rows)
	_, err := w.tx.NamedExecContext(w.ctx, upsertRetention, list)
	return err
}

// listDue returns the jobs of which something is due.
func (s *sweeper) listDue(ctx context.Context) (ids []string, err error) {
	before := func(keep time.Duration) *time.Time {
		if keep == 0 {
			return nil
		}
		at := s.cfg.Now().Add(-keep)
		return &at
	}
	keep := s.cfg.Keep
	err = s.cfg.DB.SelectContext(ctx, &ids, `SELECT job_id FROM job_retention WHERE unclean
UNION SELECT job_id FROM job_retention WHERE has_upload AND ended_at <= $1
UNION SELECT job_id FROM job_retention WHERE has_artifacts AND ended_at <= $2
UNION SELECT job_id FROM job_retention WHERE has_reports AND ended_at <= $3
UNION SELECT job_id FROM job_retention WHERE ended_at <= $4 ORDER BY 1`,
		before(keep.forBucket(events.BucketUploads)), before(keep.forBucket(events.BucketRows)),
		before(keep.forBucket(events.BucketReports)), before(keep.Events))
	if err != nil {
		return nil, fmt.Errorf("list jobs that are due: %w", err)
	}
	return ids, nil
}

// loadJob returns a job, nil for one that is not in the log or that this program cannot
// read.
func (s *sweeper) loadJob(ctx context.Context, id string) (*events.Job, error) {
	job, err := s.cfg.Log.Load(ctx, id)
	switch {
	case errors.Is(err, events.ErrNotFound), errors.Is(err, events.ErrNewer):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &job, nil
}

// markClean notes that nothing is left of what was erased of a job as it was read.
func (s *sweeper) markClean(ctx context.Context, job *events.Job) error {
	r := retentionOf(job)
	r.Unclean = false
	if _, err := s.cfg.DB.NamedExecContext(ctx, upsertRetention, r); err != nil {
		return fmt.Errorf("note what is kept: %w", err)
	}
	return nil
}

// listShared returns the artifacts that other jobs than this share with the jobs that they
// undo or complete.
func (s *sweeper) listShared(ctx context.Context, jobID string) (map[string]bool, error) {
	var names []string
	if err := s.cfg.DB.SelectContext(ctx, &names,
		`SELECT unnest(shared) FROM job_retention WHERE shared <> '{}' AND job_id <> $1`, jobID); err != nil {
		return nil, fmt.Errorf("list shared artifacts: %w", err)
	}
	all := make(map[string]bool, len(names))
	for _, name := range names {
		all[name] = true
	}
	return all, nil
}
