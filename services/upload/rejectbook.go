package upload

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/schema"
	"rollcall.example/services/sheets"
)

// How the rows of a workbook of rejects look.
const (
	looksPlain = iota
	looksHeading
)

// widestColumn is in characters.
const widestColumn = 80

// writeRejects writes a workbook of the rows, in the columns of the upload and
// with the reason beside each. Every cell is text, so that what was uploaded
// comes back as it was, and none is ever a formula.
func writeRejects(w io.Writer, spoolDir string, columns []string, rows []rejected) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write rejects: %w", err)
		}
	}()
	book, err := sheets.New(sheets.Config{
		Looks:    []sheets.Look{looksPlain: {Style: xlsx.NewStyle()}, looksHeading: {Style: headingStyle()}},
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
	if err := add(columns, schema.ReasonHeader, looksHeading); err != nil {
		return err
	}
	for _, row := range rows {
		if err := add(row.cells, fmt.Sprintf("Row %d: %s", row.n, row.reason), looksPlain); err != nil {
			return err
		}
	}
	sheet.Configure(func(s *xlsx.Sheet) {
		freezeHeader(s)
		for i, width := range widths {
			s.SetColWidth(i+1, i+1, float64(min(width+2, widestColumn)))
		}
	})
	return book.Write(w)
}
