// Package rejects makes the workbook of the rows of a job that have to be
// corrected, for somebody to correct and upload again.
package rejects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
	"rollcall.example/schema"
	"rollcall.example/services/sheets"
)

// How the rows of a workbook of rejects look.
const (
	plain = iota
	heading
)

// widestColumn is in characters.
const widestColumn = 80

// ErrNone says that no row of a job has to be corrected.
var ErrNone = errors.New("no row has to be corrected")

// Workbook returns a workbook of the rows of a job that have to be corrected, in
// the columns of the upload and with the reason beside each. The job is validated.
// Every cell is text, so that what was uploaded comes back as it was, and none is
// ever a formula. The error is ErrNone where there are no such rows, and wraps
// events.ErrMissing or events.ErrAltered where an artifact of the job is damaged.
func Workbook(ctx context.Context, store *events.Store, job *events.Job) (*bytes.Buffer, error) {
	rows, head, err := collect(ctx, store, job)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ErrNone
	}
	var out bytes.Buffer
	if err := write(&out, store.SpoolDir, head.Columns, rows); err != nil {
		return nil, err
	}
	return &out, nil
}

func write(w io.Writer, spoolDir string, columns []string, rows []row) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write rejects: %w", err)
		}
	}()
	book, err := sheets.New(sheets.Config{
		Looks:    []sheets.Look{plain: {Style: xlsx.NewStyle()}, heading: {Style: sheets.HeaderStyle()}},
		Formats:  []string{"@"},
		SpoolDir: spoolDir,
	})
	if err != nil {
		return err
	}
	defer func() { _ = book.Close() }() // a spool
	sheet, err := book.AddSheet("To Fix")
	if err != nil {
		return err
	}
	last := len(columns)
	for _, row := range rows {
		last = max(last, len(row.cells)) // cells beyond the header come back as well
	}
	widths := make([]int, last+1)
	cells := make([]sheets.Cell, last+1)
	add := func(texts []string, reason string, look int) error {
		for i := range cells {
			text := reason
			if i < last {
				text = at(texts, i)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
			if cells[i], err = book.AddText(text); err != nil {
				return err
			}
		}
		return sheet.WriteRow(look, cells)
	}
	if err := add(columns, schema.ReasonHeader, heading); err != nil {
		return err
	}
	for _, row := range rows {
		if err := add(row.cells, fmt.Sprintf("Row %d: %s", row.n, row.reason), plain); err != nil {
			return err
		}
	}
	sheet.Configure(func(s *xlsx.Sheet) {
		sheets.FreezeHeader(s)
		for i, width := range widths {
			s.SetColWidth(i+1, i+1, float64(min(width+2, widestColumn)))
		}
	})
	return book.Write(w)
}
