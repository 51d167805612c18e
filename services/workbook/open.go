package workbook

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime/debug"

	"github.com/tealeg/xlsx/v3"
)

const (
	maxColumns = 16_384    // of a sheet
	maxRows    = 1_048_576 // of a sheet
)

// File is an open workbook. It needs nothing to be closed.
type File struct {
	Sheets []*Sheet
	// Date1904 says that the workbook counts days from 1904.
	Date1904 bool
}

// Sheet is one sheet of a File.
type Sheet struct {
	Name   string
	Hidden bool
	// Truncated says that the sheet may have rows beyond those read.
	Truncated bool

	sheet    *xlsx.Sheet
	date1904 bool
}

// Row is a row of a sheet.
type Row struct {
	// N is the row's number in the sheet, from 1.
	N     int
	Cells []Cell // from column A to the last one stored
}

// Blank says whether no cell of the row shows anything.
func (r Row) Blank() bool {
	for _, cell := range r.Cells {
		if !cell.Blank() {
			return false
		}
	}
	return true
}

// Open reads the workbook of size bytes, all of it into memory. What is wrong
// with the file is an *Error; any other error means that r could not be read.
func Open(r io.ReaderAt, size int64, limits Limits) (*File, error) {
	return open(r, size, limits, xlsx.NoRowLimit)
}

// open reads the first rows that each sheet has stored, all with NoRowLimit.
func open(r io.ReaderAt, size int64, limits Limits, rows int) (*File, error) {
	zr, err := openZip(r, size, limits)
	if err != nil {
		return nil, err
	}
	if err := guard(zr); err != nil {
		return nil, err
	}
	book, err := read(zr, rows)
	if err != nil {
		return nil, err
	}
	file := &File{Date1904: book.Date1904}
	for _, sheet := range book.Sheets {
		file.Sheets = append(file.Sheets, &Sheet{
			Name: sheet.Name, Hidden: sheet.Hidden, sheet: sheet, date1904: book.Date1904,
		})
	}
	return file, nil
}

// read is where the library meets the file: it panics on some. With a limit of
// columns it takes the rows that are there, without, those that the sheet's
// dimension claims, which loses rows where the claim is wrong.
func read(zr *zip.Reader, rows int) (book *xlsx.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			book, err = nil, panicked(p)
		}
	}()
	book, err = xlsx.ReadZipReader(zr, xlsx.RowLimit(rows), xlsx.ColLimit(maxColumns))
	if err != nil {
		// The library's own words may quote a cell.
		return nil, unreadable(fmt.Errorf("reading library: error of type %T", err))
	}
	return book, nil
}

// errStop ends the library's walk over the rows early.
var errStop = errors.New("enough rows")

// Rows yields the rows of the sheet from the top. Rows that are not stored come
// without cells or not at all. An error is the last thing yielded.
func (s *Sheet) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		stopped := false
		err := s.each(func(row Row) error {
			if !yield(row, nil) {
				stopped = true
				return errStop
			}
			return nil
		})
		if err != nil && !stopped {
			yield(Row{}, err)
		}
	}
}

// each calls visit for every row. A panic of the library is an error, one of
// visit goes on.
func (s *Sheet) each(visit func(Row) error) (err error) {
	visiting := false
	defer func() {
		if visiting {
			return
		}
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return s.sheet.ForEachRow(func(r *xlsx.Row) error {
		row := Row{N: r.GetCoordinate() + 1}
		if err := r.ForEachCell(func(c *xlsx.Cell) error {
			row.Cells = append(row.Cells, convert(c, s.date1904))
			return nil
		}); err != nil {
			return unreadable(fmt.Errorf("reading library: error of type %T", err))
		}
		visiting = true
		err := visit(row)
		visiting = false
		return err
	}, xlsx.SkipEmptyRows)
}

// panicked leaves out what the library panicked with: it may quote a cell.
func panicked(value any) *Error {
	err := unreadable(fmt.Errorf("reading library: panic of type %T", value))
	err.Stack = debug.Stack()
	return err
}

// RowCount is the number of the last row that the sheet has stored.
func (s *Sheet) RowCount() int { return s.sheet.MaxRow }
