package privacy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/google/uuid"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/spelling"
)

// replaceArtifacts stores the artifacts of a job without a person and appends the
// fact that replaces the old ones. It returns the job with that fact. replaced maps
// old artifacts to new ones across jobs. If the job has changed meanwhile, the error
// is events.ErrConflict.
func (s *Service) replaceArtifacts(ctx context.Context, job *events.Job, f *found, p *subject,
	replaced map[events.Artifact]events.Artifact) (*events.Job, error) {
	fact := &events.Erased{Reason: events.ErasedPerson, Status: job.Status}
	if f.upload && job.Removed(job.Uploaded.File) == nil {
		fact.Removed = append(fact.Removed, job.Uploaded.File)
	}
	if f.fileName {
		fact.FileName = erasedName(job.FileName)
	}
	r := replacement{service: s, job: job, f: f, fact: fact, replaced: replaced}
	var err error
	if v := job.Validated; v != nil {
		err = errors.Join(
			replaceRecords(ctx, &r, v.Rows, len(f.rows) > 0, p, func(r *records.Row) int { return r.N }),
			replaceRecords(ctx, &r, v.Rejects, len(f.rejects) > 0, p, func(r *records.RejectedRow) int { return r.N }),
		)
	}
	if v := job.Verified; v != nil && err == nil {
		err = replaceRecords(ctx, &r, v.Verdicts, len(f.rows) > 0, p, func(r *records.Verdict) int { return r.N })
	}
	for _, a := range outcomesOf(job) {
		if err == nil {
			err = replaceRecords(ctx, &r, a, len(f.rows) > 0, p, func(r *records.Outcome) int { return r.N })
		}
	}
	if err != nil {
		return nil, err
	}
	// What can be made again of the artifacts is, when somebody asks for it.
	if r := job.Reported; r != nil {
		for _, a := range []*events.Artifact{r.Rejects, r.Index} {
			if a != nil && job.Removed(*a) == nil {
				fact.Removed = append(fact.Removed, *a)
			}
		}
	}
	if err := s.replaceReport(ctx, job, f, fact); err != nil {
		return nil, err
	}
	if len(fact.Removed)+len(fact.Replaced) == 0 && fact.FileName == "" {
		return job, nil // what names the person cannot be read
	}
	return s.appendErased(ctx, job, fact)
}

// replacement is one fact in the making.
type replacement struct {
	service  *Service
	job      *events.Job
	f        *found
	fact     *events.Erased
	replaced map[events.Artifact]events.Artifact
}

// replaceRecords stores an artifact anew, without the person's own rows and with
// spelling.Erased in the place of what other rows say of them. It does nothing if
// neither is there.
func replaceRecords[T records.Record](ctx context.Context, r *replacement, was events.Artifact, own bool, p *subject,
	number func(*T) int) error {
	if !own && !r.f.dirty[was] || r.job.Removed(was) != nil || slices.Contains(r.f.unread, was) {
		return nil
	}
	now, ok := r.replaced[was]
	if !ok {
		var err error
		if now, err = rewriteRecords(ctx, r.service.cfg.Store, was, p, func(record *T) bool {
			return r.f.own[number(record)]
		}); err != nil {
			return err
		}
		r.replaced[was] = now
	}
	if !slices.ContainsFunc(r.fact.Replaced, func(o events.Replacement) bool { return o.Was == was }) {
		r.fact.Replaced = append(r.fact.Replaced, events.Replacement{Was: was, Now: now})
	}
	return nil
}

// rewriteRecords stores an artifact without the records for which drop is true.
func rewriteRecords[T records.Record](ctx context.Context, store *events.Store, was events.Artifact, p *subject,
	drop func(*T) bool) (now events.Artifact, err error) {
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
		textsOf(record, func(_ int, text *string) { *text, _ = p.finder.Blank(*text, p.names) })
		if err := w.Write(record); err != nil {
			return now, err
		}
	}
	for i, name := range head.Columns {
		head.Columns[i], _ = p.finder.Blank(name, p.names)
	}
	return w.Store(ctx, store, was.Bucket, newObjectName(head.JobID, head.Artifact), head)
}

// erasedName is what a file is called that was named after the person.
func erasedName(was string) string {
	return "erased" + strings.ToLower(path.Ext(spelling.HideNumbers(was)))
}

// appendErased appends the fact and returns the job with it. The log takes two facts
// with one cause for the same fact, so another process's erasure may be stored
// instead; that is events.ErrConflict.
func (s *Service) appendErased(ctx context.Context, job *events.Job, fact *events.Erased) (*events.Job, error) {
	if _, err := s.cfg.Log.Append(ctx, job, job.Seq, fact); err != nil {
		return nil, err
	}
	if err := s.forgetPeople(ctx, job.ID); err != nil {
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
	if fact.FileName != "" && now.FileName != fact.FileName {
		return nil, events.ErrConflict
	}
	return &now, nil
}

// replaceReport adds a new report to the fact, made from the artifacts that the fact
// names. If those are damaged or no longer kept, it has the report removed.
func (s *Service) replaceReport(ctx context.Context, job *events.Job, f *found, fact *events.Erased) error {
	if job.Reported == nil || job.Removed(job.Reported.Report) != nil {
		return nil
	}
	if len(fact.Replaced) == 0 && fact.FileName == "" {
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

// newObjectName returns a name that no object has had before.
func newObjectName(jobID, artifact string) string {
	return jobID + "/" + artifact + ".erased." + uuid.NewString()
}
