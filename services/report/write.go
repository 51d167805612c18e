package report

import (
	"context"
	"errors"
	"io"
	"slices"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/events/stage"
	"rollcall.example/services/rows"
	"rollcall.example/services/sheets"
)

// writeReport writes the workbook of a job, and its rows into an index where that is
// not nil. It depends on the job's facts and artifacts alone.
func (s *Service) writeReport(
	ctx context.Context, job *events.Job, to io.Writer, index *rows.Writer, progress func(done, total int),
) (err error) {
	a, err := openArtifacts(ctx, s.store, job, index)
	defer func() { err = explain(errors.Join(err, a.close())) }()
	if err != nil {
		return err
	}
	return catchPanic(ctx, s.logger, func() error { return s.compose(ctx, job, a, to, progress) })
}

// explain rejects a job whose artifacts do not belong together, or whose report is
// out of proportion.
func explain(err error) error {
	switch {
	case errors.Is(err, errMismatch):
		return stage.Reject("artifact_mismatch",
			"The stored results of this job do not belong together. Please upload the spreadsheet again.", err)
	case errors.Is(err, sheets.ErrTooLarge):
		return stage.Reject(refusal.CodeReportTooLarge, "The report of this file would be many times larger than the file. "+
			"Please remove the columns that are not needed and upload it again.", err)
	}
	return err
}

// A report is at most roomPerFile and roomPerRow for each row, and roomPerByte times
// as large as the upload. Reports of real rolls have a third of that.
const (
	roomPerFile = 32 << 20
	roomPerRow  = 4 << 10
	roomPerByte = 16
)

func maxSize(job *events.Job, rows int) int64 {
	return roomPerFile + roomPerRow*int64(rows) + roomPerByte*job.Uploaded.File.Size
}

// compose fills all sheets in one pass over the rows.
func (s *Service) compose(
	ctx context.Context, job *events.Job, a *artifacts, to io.Writer, progress func(done, total int),
) (err error) {
	original, err := newUploadColumns(a.rows.Header)
	if err != nil {
		return err
	}
	book, err := newWorkbook(s.store.SpoolDir, maxSize(job, a.countEntries()), footer(job))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, book.close()) }()
	summary, err := book.addSheet("Summary")
	if err != nil {
		return err
	}
	wardSheet, err := book.addSheet("Wards")
	if err != nil {
		return err
	}
	list, err := openRowSheets(book, sheetsOf(job), original.names)
	if err != nil {
		return err
	}
	further := furtherColumns{book: book, names: original.further}
	if len(further.names) > 0 {
		if err := further.open(); err != nil {
			return err
		}
	}
	wards := wardTallies{}
	var cells []placedCell
	var uploaded placedCells
	done := 0
	for e, err := range a.entries() {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		progress(done, a.countEntries())
		done++
		wards.countEntry(e)
		cells = original.fillCells(cells, e)
		repeated, err := further.writeRow(e.n, cells)
		if err != nil {
			return err
		}
		if err := book.placeCells(&uploaded, repeated); err != nil {
			return err
		}
		for _, sheet := range list {
			if err := sheet.addEntry(e, &uploaded); err != nil {
				return err
			}
		}
	}
	for _, sheet := range list {
		if sheet.lastRow == 1 {
			if err := sheet.writeSentence(sheet.emptyNote, plain); err != nil {
				return err
			}
		}
	}
	if err := wards.write(wardSheet, s.wardTarget); err != nil {
		return err
	}
	others := map[string]*sheets.Sheet{"Wards": wardSheet.sheet}
	for _, sheet := range list {
		others[sheet.name] = sheet.sheet
	}
	if further.sheet != nil {
		others[furtherName] = further.sheet.sheet
	}
	if err := writeSummary(summary, others, job, wards, s.wardTarget); err != nil {
		return err
	}
	progress(done, a.countEntries())
	return book.write(to)
}

// footer is what stands below each page: the file, and when its rows were dealt with.
func footer(job *events.Job) string {
	return job.FileName + ", " + job.Persisted.At.In(events.SouthAfrica).Format("2 January 2006, 15:04")
}

// openSheet is a sheet of uploaded rows that is being written.
type openSheet struct {
	rowSheet
	*sheetWriter
}

func openRowSheets(book *workbook, specs []rowSheet, original []string) ([]openSheet, error) {
	var list []openSheet
	for _, spec := range specs {
		names := slices.Concat(spec.ownColumns, original)
		w, err := book.addSheet(spec.name)
		if err != nil {
			return nil, err
		}
		if err := w.writeHeader(names); err != nil {
			return nil, err
		}
		list = append(list, openSheet{spec, w})
	}
	return list, nil
}

// addEntry writes an entry if the sheet includes it.
func (s *openSheet) addEntry(e *entry, uploaded *placedCells) error {
	if !s.includes(e) {
		return nil
	}
	as := s.look
	if as == plain {
		as = chooseLook(e)
	}
	return s.writeRow(s.makeCells(e), uploaded, as)
}
