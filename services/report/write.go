package report

import (
	"context"
	"errors"
	"io"
	"slices"

	"rollcall.example/events"
)

// write makes the workbook of a job. It depends on the job's facts and
// artifacts and on nothing else.
func (s *Service) write(ctx context.Context, job *events.Job, to io.Writer, progress func(done, total int)) (err error) {
	a, err := fetch(ctx, s.store, job)
	defer func() { err = mismatch(errors.Join(err, a.close())) }()
	if err != nil {
		return err
	}
	return guarded(s.log, func() error { return s.compose(ctx, job, a, to, progress) })
}

func mismatch(err error) error {
	if errors.Is(err, errMismatch) {
		return events.Reject("artifact_mismatch",
			"The stored results of this job do not belong together. Please upload the spreadsheet again.", err)
	}
	return err
}

// compose fills all sheets in one pass over the rows.
func (s *Service) compose(ctx context.Context, job *events.Job, a *artifacts, to io.Writer, progress func(done, total int)) error {
	original, err := newColumns(a.rows.Header)
	if err != nil {
		return err
	}
	book := newWorkbook()
	summary, err := book.sheet("Summary")
	if err != nil {
		return err
	}
	specs := rowSheets(job.Options.DryRun)
	sheets := make([]*sheetWriter, len(specs))
	for i, spec := range specs {
		names := slices.Concat(spec.explain, original.names)
		if len(names) > maxColumns {
			return events.Reject("too_many_columns",
				"The file has more columns than fit into a report. Please remove some that are not needed and upload it again.", nil)
		}
		if sheets[i], err = book.sheet(spec.name); err != nil {
			return err
		}
		sheets[i].header(names)
	}

	wards := wardTallies{}
	done := 0
	for e, err := range a.entries() {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		progress(done, a.total())
		done++
		wards.add(e)
		uploaded := original.cells(e)
		for i, spec := range specs {
			if !spec.take(e) {
				continue
			}
			as := spec.as
			if as == plain {
				as = lookOf(e)
			}
			sheets[i].row(append(spec.cells(e), uploaded...), as)
		}
	}
	for i, spec := range specs {
		if sheets[i].last == 1 {
			sheets[i].sentence(spec.empty, plain)
		}
		sheets[i].finish()
	}
	writeSummary(summary, job, wards, s.target)
	summary.finish()
	progress(done, a.total())
	return book.write(to)
}
