// Package rejects makes the workbook of the rows of a job that have to be
// corrected, for somebody to correct and upload again. The report stage makes it
// once and keeps it; before, and for jobs of earlier versions, it is made when
// somebody asks for it.
package rejects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/schema"
	"rollcall.example/services/sheets"
)

// How the rows of a workbook of rejects look.
const (
	plain = iota
	heading
)

const (
	// widestColumn is in characters.
	widestColumn = 80
	// maxFitted is how many columns get a width of their own.
	maxFitted = 1000
)

// A workbook is at most roomPerFile and roomPerRow for each row, and roomPerByte
// times as large as the upload.
const (
	roomPerFile = 32 << 20
	roomPerRow  = 4 << 10
	roomPerByte = 16
)

// ErrNone says that no row of a job has to be corrected.
var ErrNone = errors.New("no row has to be corrected")

// Write writes a workbook of the rows of a job that have to be corrected, in the
// columns of the upload and with the reason beside each. The job is validated. Where
// the upload fills all columns that a sheet has, the reasons are on a second sheet.
// Every cell is text, so that what was uploaded comes back as it was, and none is
// ever a formula. Nothing is written before all of it is made, and no more than a
// row of it is in memory.
//
// The error is ErrNone where there are no such rows, a *refusal.Error where the
// workbook would be out of proportion to the upload, and wraps events.ErrMissing or
// events.ErrAltered where an artifact of the job is damaged.
func Write(ctx context.Context, store *events.Store, job *events.Job, to io.Writer) (err error) {
	rows, err := openSource(ctx, store, job)
	if err != nil {
		return err
	}
	defer func() {
		switch {
		case errors.Is(err, sheets.ErrTooLarge):
			err = &refusal.Error{Code: refusal.CodeReportTooLarge, Err: err,
				Message: "The rows to correct are far more than the size of the file lets expect. " +
					"Please correct them in the file that you uploaded."}
		case err != nil:
			err = fmt.Errorf("write rejects: %w", err)
		}
	}()
	book, err := newBook(store.SpoolDir, rows.width,
		roomPerFile+roomPerRow*int64(rows.head.Records)+roomPerByte*job.Uploaded.File.Size)
	if err != nil {
		return err
	}
	defer func() { _ = book.Close() }() // a spool
	if err := book.addHeader(rows.head.Columns); err != nil {
		return err
	}
	none := true
	for row, err := range rows.rows() {
		if err != nil {
			return err
		}
		none = false
		if err := book.addRow(row); err != nil {
			return err
		}
	}
	if none {
		return ErrNone
	}
	return book.Write(to)
}

// book is the workbook in the making.
type book struct {
	*sheets.Book
	rows *sheets.Sheet
	// reasons is the sheet of the reasons where there is no column for them.
	reasons *sheets.Sheet
	// column is that of the reasons.
	column int
	widths []int
	cells  []sheets.Cell
	next   int // the column behind the last of cells
}

func newBook(spoolDir string, width int, maxSize int64) (*book, error) {
	made, err := sheets.New(sheets.Config{
		// Text is also what somebody types into an empty cell.
		Looks:    []sheets.Look{plain: {Style: xlsx.NewStyle(), WholeRow: true}, heading: {Style: sheets.HeaderStyle()}},
		Formats:  []string{"@"},
		MaxSize:  maxSize,
		SpoolDir: spoolDir,
	})
	if err != nil {
		return nil, err
	}
	b := &book{Book: made, column: width}
	if b.rows, err = b.AddSheet("To Fix"); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	if width == sheets.MaxColumns {
		if b.reasons, err = b.AddSheet("Reasons"); err != nil {
			return nil, errors.Join(err, b.Close())
		}
		b.reasons.Configure(sheets.FreezeHeader)
	}
	b.rows.Configure(func(s *xlsx.Sheet) {
		sheets.FreezeHeader(s)
		for i, width := range b.widths {
			s.SetColWidth(i+1, i+1, float64(min(width+2, widestColumn)))
		}
	})
	return b, nil
}

func (b *book) addHeader(columns []string) error {
	b.begin()
	for i, name := range columns {
		if err := b.add(i, name); err != nil {
			return err
		}
	}
	return b.end(heading, "Row", schema.ReasonHeader)
}

func (b *book) addRow(r row) error {
	b.begin()
	for i, text := range r.texts {
		if err := b.add(i, text); err != nil {
			return err
		}
	}
	if b.reasons != nil {
		return b.end(plain, strconv.Itoa(r.n), r.reason)
	}
	return b.end(plain, "", fmt.Sprintf("Row %d: %s", r.n, r.reason))
}

// begin begins the next row.
func (b *book) begin() { b.cells, b.next = b.cells[:0], 0 }

// add adds a cell to the row, in a column behind the last one.
func (b *book) add(column int, text string) error {
	cell, err := b.AddText(text)
	if err != nil {
		return err
	}
	b.cells = append(b.cells, cell.After(column-b.next))
	b.next = column + 1
	if column < maxFitted {
		for len(b.widths) <= column {
			b.widths = append(b.widths, 0)
		}
		b.widths[column] = max(b.widths[column], utf8.RuneCountInString(text))
	}
	return nil
}

// end writes the row, with its reason or the heading of the reasons.
func (b *book) end(look int, n, reason string) error {
	if b.reasons == nil {
		if err := b.add(b.column, reason); err != nil {
			return err
		}
		return b.rows.WriteRow(look, b.cells)
	}
	if err := b.rows.WriteRow(look, b.cells); err != nil {
		return err
	}
	b.begin()
	for _, text := range []string{n, reason} {
		cell, err := b.AddText(text)
		if err != nil {
			return err
		}
		b.cells = append(b.cells, cell)
	}
	return b.reasons.WriteRow(look, b.cells)
}
