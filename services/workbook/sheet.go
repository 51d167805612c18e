package workbook

import (
	"archive/zip"
	"errors"
	"iter"

	"rollcall.example/services/workbook/xmlscan"
)

// Sheet is one sheet of a File.
type Sheet struct {
	Name   string
	Hidden bool

	file   *File
	source rowSource
	csv    *csvFile // the source, where it is a text
	// maxStored is how many stored rows to read; 0 means all.
	maxStored int
	// statedRows is the number of the last row as the sheet states it; 0 where it
	// does not.
	statedRows int
	// What was seen when the rows were last read to their end.
	hiddenRows int
	filtered   bool
	// reordered says that the rows are out of order, and to be put in it.
	reordered bool
}

// Row is a row of a sheet.
type Row struct {
	// N is the row's number in the sheet, from 1.
	N int
	// Cells run from column A to the last one stored.
	Cells []Cell
	// Fields is how many fields a text of comma-separated values has in the row; 0 in a
	// workbook, and where most rows have another number than the header.
	Fields int
	// Faults are what was mended to read the row.
	Faults Fault
}

// Fault is a set of what was mended to read a row of a text.
type Fault uint8

// What is mended in a text.
const (
	UnclosedQuote Fault = 1 << iota // a quotation mark is never closed: its field ends with the line
	OddBytes                        // bytes are no text in the file's encoding: they are read as Windows-1252
	OddCharacters                   // control characters, such as NUL, are left out
)

// Blank reports whether no cell of the row shows anything.
func (r Row) Blank() bool {
	for i := range r.Cells {
		if !r.Cells[i].Blank() {
			return false
		}
	}
	return true
}

// FieldsBeside returns how many fields a row of a text has beside a header of so many
// columns: blank ones to the right of those do not count. 0 means that Fields is 0.
func (r Row) FieldsBeside(columns int) int { return r.width().beside(columns) }

func (r Row) width() rowWidth {
	filled := len(r.Cells)
	for filled > 0 && r.Cells[filled-1].Blank() {
		filled--
	}
	return rowWidth{r.N, r.Fields, filled}
}

// RowCount returns the number of the last row as the sheet stated it when its rows
// were last read; 0 if it did not. It may be wrong. A sheet that was formatted down to
// the last row there can be has stated nothing.
func (s *Sheet) RowCount() int {
	if s.statedRows >= maxRows {
		return 0
	}
	return s.statedRows
}

// rowSource is what the rows of a sheet are read from; each format has one.
type rowSource interface {
	// readRows visits the rows from the top, those that show something at the least,
	// until visit returns false. Each row overwrites the one before. It notes in the sheet
	// what it has seen to its end.
	readRows(s *Sheet, visit func(Row) bool) error
}

// Rows yields the stored rows of the sheet from the top. Each row overwrites the
// cells of the one before. An error is the last thing yielded.
func (s *Sheet) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		stored, more := 0, true
		err := s.source.readRows(s, func(row Row) bool {
			stored++
			more = yield(row, nil) && stored != s.maxStored
			return more
		})
		if err != nil && more {
			yield(Row{}, s.file.meter.explain(unreadable(err)))
		}
	}
}

// xlsxSheet is the part of a sheet of an .xlsx workbook.
type xlsxSheet struct{ part *zip.File }

func (x xlsxSheet) readRows(s *Sheet, visit func(Row) bool) error {
	rc, err := s.file.meter.open(x.part)
	if err != nil {
		return err
	}
	defer func() { _ = rc.Close() }() // a reader
	r := rowReader{sheet: s, meter: s.file.meter, x: xmlscan.New(rc), anyOrder: s.reordered}
	read := r.readSheet
	if s.reordered {
		read = r.reorderSheet
	}
	switch err := read(visit); {
	case errors.Is(err, errEnough):
	case err != nil:
		return err
	default:
		s.hiddenRows, s.filtered = r.hiddenRows, r.filtered
	}
	return nil
}
