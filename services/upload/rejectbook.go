package upload

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/schema"
)

const (
	widestColumn = 60
	widestReason = 80
)

// writeRejects makes a workbook of the rows, in the columns of the upload and
// with the reason beside each. Every cell is text, so that what was uploaded
// comes back as it was, and none is ever a formula.
func writeRejects(columns []string, rows []rejected) (*bytes.Buffer, error) {
	book := xlsx.NewFile()
	sheet, err := book.AddSheet("To Fix")
	if err != nil {
		return nil, fmt.Errorf("write rejects: %w", err)
	}
	last := len(columns)
	for _, row := range rows {
		last = max(last, len(row.cells)) // cells beyond the header come back as well
	}
	heading, plain, marked := headingStyle(), xlsx.NewStyle(), xlsx.NewStyle()
	marked.Fill = *xlsx.NewFill(xlsx.Solid_Cell_Fill, "FFFFC7CE", "FFFFC7CE")
	marked.ApplyFill = true
	widths := make([]int, last+1)
	add := func(cells []string, reason string, style, reasonStyle *xlsx.Style) {
		row := sheet.AddRow()
		for i := range last + 1 {
			text, as := "", style
			switch {
			case i == last:
				text, as = reason, reasonStyle
			case i < len(cells):
				text = cells[i]
			}
			cell := row.AddCell()
			cell.SetString(text)
			cell.SetFormat("@")
			cell.SetStyle(as)
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	add(columns, schema.ReasonHeader, heading, heading)
	for _, row := range rows {
		add(row.cells, fmt.Sprintf("Row %d: %s", row.n, row.reason), plain, marked)
	}
	for i, width := range widths {
		most := widestColumn
		if i == last {
			most = widestReason
		}
		sheet.SetColWidth(i+1, i+1, float64(min(width+2, most)))
	}
	freezeHeader(sheet)
	var out bytes.Buffer
	if err := book.Write(&out); err != nil {
		return nil, fmt.Errorf("write rejects: %w", err)
	}
	return &out, nil
}
