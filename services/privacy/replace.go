package privacy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// replaceArtifacts stores the artifacts of a job without a person and appends the
// fact that replaces the old ones. It returns the job with that fact. replaced maps
// old artifacts to new ones across jobs. If the job has changed meanwhile, the error
// is events.ErrConflict.
func (s *Service) replaceArtifacts(ctx context.Context, job *events.Job, f *found,
	replaced map[events.Artifact]events.Artifact) (*events.Job, error) {
	fact := &events.Erased{Reason: events.ErasedPerson, Status: job.Status}
	if f.upload {
		fact.Removed = append(fact.Removed, job.Uploaded.File)
	}
	replace := func(was events.Artifact, store storeFunc) error {
		if slices.Contains(f.unread, was) {
			return nil
		}
		now, ok := replaced[was]
		if !ok {
			var err error
			if now, err = store(ctx, s.cfg.Store, was); err != nil {
				return err
			}
			replaced[was] = now
		}
		fact.Replaced = append(fact.Replaced, events.Replacement{Was: was, Now: now})
		return nil
	}
	if len(f.rows) > 0 {
		rows := map[int]bool{}
		for _, r := range f.rows {
			rows[r.N] = true
		}
		err := replace(job.Validated.Rows, dropRecords(func(r *records.Row) bool { return rows[r.N] }))
		if err == nil && job.Verified != nil {
			err = replace(job.Verified.Verdicts, dropRecords(func(v *records.Verdict) bool { return rows[v.N] }))
		}
		if err == nil && job.Persisted != nil {
			err = replace(job.Persisted.Outcomes, dropRecords(func(o *records.Outcome) bool { return rows[o.N] }))
		}
		if err != nil {
			return nil, err
		}
	}
	if len(f.rejects) > 0 {
		rejects := map[int]bool{}
		for _, r := range f.rejects {
			rejects[r.N] = true
		}
		drop := dropRecords(func(r *records.RejectedRow) bool { return rejects[r.N] })
		if err := replace(job.Validated.Rejects, drop); err != nil {
			return nil, err
		}
	}
	// The workbook of rejects is made again of the artifacts when somebody asks for it.
	if r := job.Reported; r != nil && r.Rejects != nil && job.Removed(*r.Rejects) == nil {
		fact.Removed = append(fact.Removed, *r.Rejects)
	}
	if err := s.replaceReport(ctx, job, f, fact); err != nil {
		return nil, err
	}
	return s.appendErased(ctx, job, fact)
}

// appendErased appends the fact and returns the job with it. The log takes two facts
// with one cause for the same fact, so another process's erasure may be stored
// instead; that is events.ErrConflict.
func (s *Service) appendErased(ctx context.Context, job *events.Job, fact *events.Erased) (*events.Job, error) {
	if _, err := s.cfg.Log.Append(ctx, job, job.Seq, fact); err != nil {
		return nil, err
	}
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

// replaceReport adds a new report to the fact, made from the artifacts that the fact
// names. If those are damaged or no longer kept, it has the report removed.
func (s *Service) replaceReport(ctx context.Context, job *events.Job, f *found, fact *events.Erased) error {
	if job.Reported == nil || job.Removed(job.Reported.Report) != nil {
		return nil
	}
	if len(f.rows)+len(f.rejects) == 0 {
		if f.report {
			fact.Removed = append(fact.Removed, job.Reported.Report)
		}
		return nil
	}
	erased := *job
	event := events.Event{JobID: job.ID, Kind: events.KindErased, Seq: job.Seq + 1, Owner: job.Owner.ID, Fact: fact}
	if err := erased.Apply(event); err != nil {
		return err
	}
	file, err := s.cfg.Store.OpenSpool()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // a temporary file
	err = s.cfg.Rebuild(ctx, &erased, file)
	if isDamaged(err) {
		fact.Removed = append(fact.Removed, job.Reported.Report)
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rebuild report: %w", err)
	}
	now, err := s.cfg.Store.Put(ctx, events.BucketReports, newObjectName(job.ID, "report")+".xlsx", file)
	if err != nil {
		return err
	}
	fact.Replaced = append(fact.Replaced, events.Replacement{Was: job.Reported.Report, Now: now})
	return nil
}

// storeFunc stores another version of an artifact.
type storeFunc func(ctx context.Context, store *events.Store, was events.Artifact) (events.Artifact, error)

// dropRecords returns a storeFunc that leaves out the records for which drop is true.
func dropRecords[T records.Record](drop func(*T) bool) storeFunc {
	return func(ctx context.Context, store *events.Store, was events.Artifact) (now events.Artifact, err error) {
		w, err := records.NewWriter[T](store)
		if err != nil {
			return now, err
		}
		defer func() { err = errors.Join(err, w.Close()) }()
		var head records.Header
		for record, err := range records.Each[T](ctx, store, was, &head) {
			if err != nil {
				return now, err
			}
			if drop(record) {
				continue
			}
			if err := w.Write(record); err != nil {
				return now, err
			}
		}
		return w.Store(ctx, store, was.Bucket, newObjectName(head.JobID, head.Artifact), head)
	}
}

// newObjectName returns a name that no object has had before.
func newObjectName(jobID, artifact string) string {
	return jobID + "/" + artifact + ".erased." + uuid.NewString()
}
