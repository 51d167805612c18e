package report

import (
	"context"
	"errors"
	"io"
	"slices"

	"rollcall.example/events"
	"rollcall.example/events/stage"
	"rollcall.example/services/sheets"
)

// write makes the workbook of a job. It depends on the job's facts and
// artifacts and on nothing else.
func (s *Service) write(ctx context.Context, job *events.Job, to io.Writer, progress func(done, total int)) (err error) {
	a, err := fetch(ctx, s.store, job)
	defer func() { err = mismatch(errors.Join(err, a.close())) }()
	if err != nil {
		return err
	}
	return guarded(ctx, s.log, func() error { return s.compose(ctx, job, a, to, progress) })
}

func mismatch(err error) error {
	if errors.Is(err, errMismatch) {
		return stage.Reject("artifact_mismatch",
			"The stored results of this job do not belong together. Please upload the spreadsheet again.", err)
	}
	return err
}

// compose fills all sheets in one pass over the rows.
func (s *Service) compose(ctx context.Context, job *events.Job, a *artifacts, to io.Writer, progress func(done, total int)) (err error) {
	original, err := newColumns(a.rows.Header)
	if err != nil {
		return err
	}
	book, err := newWorkbook(s.store.SpoolDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, book.close()) }()
	summary, err := book.sheet("Summary")
	if err != nil {
		return err
	}
	list, err := openSheets(book, rowSheets(job.Options), original.names)
	if err != nil {
		return err
	}
	wards := wardTallies{}
	var uploaded placed
	done := 0
	for e, err := range a.entries() {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		progress(done, a.total())
		done++
		wards.add(e)
		if err := book.place(&uploaded, original.cells(e)); err != nil {
			return err
		}
		for _, sheet := range list {
			if err := sheet.add(e, &uploaded); err != nil {
				return err
			}
		}
	}
	for _, sheet := range list {
		if sheet.last == 1 {
			if err := sheet.sentence(sheet.empty, plain); err != nil {
				return err
			}
		}
	}
	if err := writeSummary(summary, job, wards, s.target); err != nil {
		return err
	}
	progress(done, a.total())
	return book.write(to)
}

// openSheet is a sheet of uploaded rows that is being written.
type openSheet struct {
	rowSheet
	*sheetWriter
}

func openSheets(book *workbook, specs []rowSheet, original []string) ([]openSheet, error) {
	var list []openSheet
	for _, spec := range specs {
		names := slices.Concat(spec.explain, original)
		if len(names) > sheets.MaxColumns {
			return nil, stage.Reject("too_many_columns",
				"The file has more columns than fit into a report. Please remove some that are not needed and upload it again.", nil)
		}
		w, err := book.sheet(spec.name)
		if err != nil {
			return nil, err
		}
		if err := w.header(names); err != nil {
			return nil, err
		}
		list = append(list, openSheet{spec, w})
	}
	return list, nil
}

// add writes an entry if the sheet takes it.
func (s *openSheet) add(e *entry, uploaded *placed) error {
	if !s.take(e) {
		return nil
	}
	as := s.as
	if as == plain {
		as = lookOf(e)
	}
	return s.row(s.cells(e), uploaded, as)
}
