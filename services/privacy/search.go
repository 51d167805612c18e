package privacy

import (
	"context"
	"errors"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/records"
	"rollcall.example/events/spelling"
)

// isDamaged reports whether an artifact is missing or altered. One damaged artifact
// must not keep the data of other jobs from being erased, so it is reported and the
// search goes on.
func isDamaged(err error) bool {
	return errors.Is(err, events.ErrMissing) || errors.Is(err, events.ErrAltered)
}

// searcher looks for a person in the log, the jobs, the tables and unfinished uploads.
// It changes nothing.
type searcher struct{ cfg *Config }

// search looks for a person in everything that is kept of a job.
func (s *searcher) search(ctx context.Context, job *events.Job, p *subject) (*found, error) {
	f := &found{own: map[int]bool{}, dirty: map[events.Artifact]bool{}}
	if v := job.Validated; v != nil {
		if err := s.searchRows(ctx, job, p, f); err != nil {
			return nil, err
		}
		if err := s.searchResults(ctx, job, p, f); err != nil {
			return nil, err
		}
	}
	f.fileName = p.finder.Find(job.FileName) >= spelling.Masked
	// The files are searched as well. They may be all that is kept of a job, and an
	// upload has cells that no artifact has.
	var err error
	if f.upload, err = s.searchFile(ctx, job, "upload", job.Uploaded.File, p, f); err != nil {
		return nil, err
	}
	if job.Reported != nil {
		if f.report, err = s.searchFile(ctx, job, "report", job.Reported.Report, p, f); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// searchRows searches the artifacts rows and rejects.
func (s *searcher) searchRows(ctx context.Context, job *events.Job, p *subject, f *found) error {
	err := eachRecord(ctx, s.cfg.Store, job, f, p, job.Validated.Rows, func(r *records.Row) {
		if r.ID == p.id {
			f.own[r.N], f.rows = true, append(f.rows, r)
			p.addNames(f.fields, r.Cells)
			p.addGuessed(r)
			return
		}
		// Whose valid number is almost the person's is another person.
		before := len(f.mayBe)
		if f.look(p, "rows", job, job.Validated.Rows, r.N, r); p.finder.Find(r.ID) == spelling.Near {
			f.mayBe = f.mayBe[:before]
		}
	})
	if err != nil {
		return err
	}
	return eachRecord(ctx, s.cfg.Store, job, f, p, job.Validated.Rejects, func(r *records.RejectedRow) {
		match := p.finder.Find(r.Cell)
		if c, ok := p.finder.(*collector); ok {
			c.Find(r.ID)
		}
		switch {
		case r.ID == p.id || r.ID == "" && match == spelling.Whole:
			f.own[r.N], f.rejects = true, append(f.rejects, r)
			p.addNames(f.fields, r.Cells)
			p.addEnds(f.fields, r.Cells)
			return
		case r.ID == "" && match != spelling.None:
			f.near = append(f.near, r)
		}
		before := len(f.mayBe)
		if f.look(p, "rejects", job, job.Validated.Rejects, r.N, r); match == spelling.Near {
			f.mayBe = f.mayBe[:before]
		}
	})
}

// searchResults searches verdicts and outcomes.
func (s *searcher) searchResults(ctx context.Context, job *events.Job, p *subject, f *found) error {
	if v := job.Verified; v != nil {
		err := eachRecord(ctx, s.cfg.Store, job, f, p, v.Verdicts, func(r *records.Verdict) {
			if f.own[r.N] {
				f.verdicts = append(f.verdicts, r)
				return
			}
			f.look(p, "verdicts", job, v.Verdicts, r.N, r)
		})
		if err != nil {
			return err
		}
	}
	for _, a := range outcomesOf(job) {
		f.outcomes = nil // the newest artifact says what became of the rows
		err := eachRecord(ctx, s.cfg.Store, job, f, p, a, func(r *records.Outcome) {
			if f.own[r.N] {
				f.outcomes = append(f.outcomes, r)
				return
			}
			f.look(p, "outcomes", job, a, r.N, r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// outcomesOf returns the artifacts outcomes of a job: what it proposed and what it did.
func outcomesOf(job *events.Job) (list []events.Artifact) {
	if job.Proposed != nil {
		list = append(list, job.Proposed.Outcomes)
	}
	if job.Persisted != nil {
		list = append(list, job.Persisted.Outcomes)
	}
	return list
}

// eachRecord calls visit with each record of an artifact that is still kept. It looks
// at the names of the columns, too.
func eachRecord[T records.Record](ctx context.Context, store *events.Store, job *events.Job, f *found, p *subject,
	a events.Artifact, visit func(*T)) error {
	if job.Removed(a) != nil {
		return nil
	}
	var head records.Header
	first := true
	begin := func() {
		if first = false; f.columns == nil && head.Columns != nil {
			f.columns, f.fields = head.Columns, head.Fields
		}
		for i, name := range head.Columns {
			if p.finder.Find(name) >= spelling.Masked {
				f.dirty[a] = true
				at := cases.Place{Where: "name of a column", JobID: job.ID, Column: i + 1}
				f.mentions = append(f.mentions, mention{at, name})
			}
		}
	}
	for record, err := range records.Each[T](ctx, store, a, &head) {
		if isDamaged(err) {
			f.unread = append(f.unread, a)
			return nil
		}
		if err != nil {
			return err
		}
		if first {
			begin()
		}
		visit(record)
	}
	if first {
		begin()
	}
	return nil
}
