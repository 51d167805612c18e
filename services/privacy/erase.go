package privacy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// ErrNoID: what was given is no ID number. It is not told again.
var ErrNoID = errors.New("not an ID number of 13 digits")

// Erasure is what became of a person's data.
type Erasure struct {
	// Jobs are those in whose artifacts the person was.
	Jobs []string `json:"jobs"`
	// Busy are jobs that have not ended: the person may be in them, so erase again
	// when they have.
	Busy []string `json:"busy"`
	// Unread are jobs with a file or an artifact that could not be looked through: it is
	// missing, altered, or not what it should be. The person may be in it.
	Unread []string `json:"unread"`
	// Members and Outcomes are rows of the database: the member, and what jobs have
	// noted about it.
	Members  int64 `json:"members"`
	Outcomes int64 `json:"outcomes"`
	// Answer says that a kept answer of the IEC was removed as well. One that cannot be
	// found without its key goes by itself after events.VerdictsTTL.
	Answer bool `json:"iec_answer"`
}

// Erase takes a person out of tables and artifacts. Each job in which the person was
// gets artifacts without, a report that is made anew of them, and an erased event;
// its upload is removed as a whole, for what else of a person is in a spreadsheet
// nobody can tell. Figures and events stay. It may be done again at any time.
func (s *Service) Erase(ctx context.Context, id string, by events.User, from string) (done Erasure, err error) {
	done = Erasure{Jobs: []string{}, Busy: []string{}, Unread: []string{}}
	if !valid(id) {
		return done, ErrNoID
	}
	jobs, err := s.jobs(ctx)
	if err != nil {
		return done, fmt.Errorf("erase: %w", err)
	}
	// An undo has artifacts of the job that it undoes: they get one replacement.
	replaced := map[events.Artifact]events.Artifact{}
	for _, jobID := range sorted(jobs) {
		job := jobs[jobID]
		if !job.Ended() {
			done.Busy = append(done.Busy, jobID)
			continue
		}
		h, err := s.search(ctx, job, id)
		if err != nil {
			return done, fmt.Errorf("erase: job %s: %w", jobID, err)
		}
		if len(h.unread) > 0 {
			done.Unread = append(done.Unread, jobID)
		}
		if !h.anything() {
			continue
		}
		done.Jobs = append(done.Jobs, jobID)
		if err := s.audit(ctx, jobID, events.AccessErasure, by, from); err != nil {
			return done, fmt.Errorf("erase: %w", err)
		}
		if jobs[jobID], err = s.takeOut(ctx, job, h, replaced); err != nil {
			return done, fmt.Errorf("erase: job %s: %w; erase again", jobID, err)
		}
	}
	if err := s.removeObjects(ctx, jobs, &Swept{}); err != nil {
		return done, fmt.Errorf("erase: %w", err)
	}
	if len(done.Jobs) == 0 {
		if err := s.auditMember(ctx, id, events.AccessErasure, by, from); err != nil {
			return done, fmt.Errorf("erase: %w", err)
		}
	}
	if err := s.eraseRows(ctx, id, &done); err != nil {
		return done, fmt.Errorf("erase: %w", err)
	}
	if s.cfg.ForgetAnswer != nil {
		if err := s.cfg.ForgetAnswer(ctx, id); err != nil {
			return done, fmt.Errorf("erase: %w", err)
		}
		done.Answer = true
	}
	s.cfg.Logger.InfoContext(ctx, "a person was erased", "jobs", len(done.Jobs), "members", done.Members, "by", by.ID)
	return done, nil
}

func valid(id string) bool {
	for _, c := range id {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(id) == 13
}

func (s *Service) audit(ctx context.Context, jobID string, what events.AccessKind, by events.User, from string) error {
	return events.WriteAccess(ctx, s.cfg.Log.JetStream(), events.Access{JobID: jobID, What: what, At: s.cfg.Now().UTC(), By: by, From: from})
}

// auditMember is audit for a member who is in no job that is kept: it counts to the job
// that has written last. Of nobody there is nothing to write down.
func (s *Service) auditMember(ctx context.Context, id string, what events.AccessKind, by events.User, from string) error {
	var jobID string
	err := s.cfg.DB.GetContext(ctx, &jobID, `SELECT updated_by_job FROM members WHERE id_number = $1`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return s.audit(ctx, jobID, what, by, from)
}

// takeOut stores the artifacts of a job without a person and appends that they stand
// in place of those before, and returns the job as it is then. Of a job that has moved
// on meanwhile the error is events.ErrConflict.
func (s *Service) takeOut(ctx context.Context, job *events.Job, h *held, replaced map[events.Artifact]events.Artifact) (*events.Job, error) {
	fact := &events.Erased{Reason: events.ErasedPerson, Status: job.Status}
	if h.upload {
		fact.Removed = append(fact.Removed, job.Uploaded.File)
	}
	replace := func(was events.Artifact, without func(events.Artifact) (events.Artifact, error)) error {
		if slices.Contains(h.unread, was) {
			return nil
		}
		now, ok := replaced[was]
		if !ok {
			var err error
			if now, err = without(was); err != nil {
				return err
			}
			replaced[was] = now
		}
		fact.Replaced = append(fact.Replaced, events.Replacement{Was: was, Now: now})
		return nil
	}
	if len(h.rows) > 0 {
		rows := map[int]bool{}
		for _, r := range h.rows {
			rows[r.N] = true
		}
		if err := replace(job.Validated.Rows, drop(ctx, s, func(r *records.Row) bool { return rows[r.N] })); err != nil {
			return nil, err
		}
		if f := job.Verified; f != nil {
			if err := replace(f.Verdicts, drop(ctx, s, func(v *records.Verdict) bool { return rows[v.N] })); err != nil {
				return nil, err
			}
		}
		if f := job.Persisted; f != nil {
			if err := replace(f.Outcomes, drop(ctx, s, func(o *records.Outcome) bool { return rows[o.N] })); err != nil {
				return nil, err
			}
		}
	}
	if len(h.rejects) > 0 {
		rejects := map[int]bool{}
		for _, r := range h.rejects {
			rejects[r.N] = true
		}
		if err := replace(job.Validated.Rejects, drop(ctx, s, func(r *records.RejectedRow) bool { return rejects[r.N] })); err != nil {
			return nil, err
		}
	}
	if err := s.reportWithout(ctx, job, h, fact); err != nil {
		return nil, err
	}
	if _, err := s.cfg.Log.Append(ctx, job, job.Seq, fact); err != nil {
		return nil, err
	}
	// A fact of the same cause counts as the same to the log, but another's erasure is
	// not this one.
	now, err := s.cfg.Log.Load(ctx, job.ID)
	if err != nil {
		return nil, err
	}
	for _, r := range fact.Replaced {
		if !slices.Contains(now.Artifacts(), r.Now) {
			return nil, events.ErrConflict
		}
	}
	for _, a := range fact.Removed {
		if now.Removed(a) == nil {
			return nil, events.ErrConflict
		}
	}
	return &now, nil
}

// reportWithout adds to the fact what becomes of the report: it is made anew, or
// removed, where what it was made of is kept no longer or damaged.
func (s *Service) reportWithout(ctx context.Context, job *events.Job, h *held, fact *events.Erased) error {
	if job.Reported == nil || job.Removed(job.Reported.Report) != nil {
		return nil
	}
	switch {
	case len(h.rows)+len(h.rejects) > 0:
	case h.report:
		fact.Removed = append(fact.Removed, job.Reported.Report)
		return nil
	default:
		return nil
	}
	then := *job
	event := events.Event{JobID: job.ID, Kind: events.KindErased, Seq: job.Seq + 1, Owner: job.Owner.ID, Fact: fact}
	if err := then.Apply(event); err != nil {
		return err
	}
	file, err := s.cfg.Store.OpenSpool()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // nameless: nothing is lost with it
	err = s.cfg.Rebuild(ctx, &then, file)
	if damaged(err) {
		fact.Removed = append(fact.Removed, job.Reported.Report)
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("make report: %w", err)
	}
	now, err := s.cfg.Store.Put(ctx, events.BucketReports, newName(job.ID, "report")+".xlsx", file)
	if err != nil {
		return err
	}
	fact.Replaced = append(fact.Replaced, events.Replacement{Was: job.Reported.Report, Now: now})
	return nil
}

// drop returns what stores an artifact without some of its records.
func drop[T records.Record](ctx context.Context, s *Service, gone func(*T) bool) func(events.Artifact) (events.Artifact, error) {
	return func(was events.Artifact) (now events.Artifact, err error) {
		w, err := records.NewWriter[T](s.cfg.Store)
		if err != nil {
			return now, err
		}
		defer func() { err = errors.Join(err, w.Close()) }()
		var head records.Header
		for record, err := range records.Each[T](ctx, s.cfg.Store, was, &head) {
			if err != nil {
				return now, err
			}
			if gone(record) {
				continue
			}
			if err := w.Write(record); err != nil {
				return now, err
			}
		}
		return w.Store(ctx, s.cfg.Store, was.Bucket, newName(head.JobID, head.Artifact), head)
	}
}

// newName is a name that no object had before.
func newName(jobID, artifact string) string {
	return jobID + "/" + artifact + ".erased." + uuid.NewString()
}

// eraseRows deletes what the database holds of a person.
func (s *Service) eraseRows(ctx context.Context, id string, done *Erasure) error {
	tx, err := s.cfg.DB.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	for table, count := range map[string]*int64{"job_outcomes": &done.Outcomes, "members": &done.Members} {
		res, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE id_number = $1`, id)
		if err != nil {
			return fmt.Errorf("clear %s: %w", table, err)
		}
		if *count, err = res.RowsAffected(); err != nil {
			return fmt.Errorf("clear %s: %w", table, err)
		}
	}
	return tx.Commit()
}

func sorted(jobs map[string]*events.Job) []string {
	ids := make([]string, 0, len(jobs))
	for id := range jobs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
