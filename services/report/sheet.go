package report

import (
	"fmt"
	"io"

	"github.com/tealeg/xlsx/v3"
)

// look is how a row is drawn.
type look int

const (
	plain  look = iota
	red         // invalid, not registered
	yellow      // duplicate, existing member
	heading
	title
)

// Columns are as wide as their widest cell, within these bounds, in characters.
const (
	narrowest = 8
	widest    = 60
)

// maxColumns is what a sheet may have.
const maxColumns = 16384

// workbook is the file in the making. All of it is held in memory.
type workbook struct {
	file   *xlsx.File
	styles map[look]*xlsx.Style
}

func newWorkbook() *workbook {
	style := func(size float64, bold bool, colour, fill string) *xlsx.Style {
		s := xlsx.NewStyle()
		s.Font = *xlsx.NewFont(size, "Calibri")
		s.Font.Family = 2
		s.Font.Bold = bold
		s.Font.Color = colour
		// Numbers stand where the texts of their column do: a column may have
		// both, and a number at the right edge runs into the next text.
		s.Alignment = xlsx.Alignment{Horizontal: "left", Vertical: "top"}
		s.ApplyFont, s.ApplyFill, s.ApplyAlignment = true, true, true
		if fill != "" {
			s.Fill = *xlsx.NewFill(xlsx.Solid_Cell_Fill, fill, fill)
		}
		return s
	}
	return &workbook{file: xlsx.NewFile(), styles: map[look]*xlsx.Style{
		plain:   style(11, false, "FF000000", ""),
		red:     style(11, false, "FF000000", "FFFFC7CE"),
		yellow:  style(11, false, "FF000000", "FFFFEB9C"),
		heading: style(11, true, "FFFFFFFF", "FF4472C4"),
		title:   style(16, true, "FF000000", ""),
	}}
}

// sheet appends a sheet.
func (b *workbook) sheet(name string) (*sheetWriter, error) {
	s, err := b.file.AddSheet(name)
	if err != nil {
		return nil, fmt.Errorf("add sheet %q: %w", name, err)
	}
	s.SheetFormat.DefaultRowHeight = 15
	return &sheetWriter{sheet: s, styles: b.styles}, nil
}

// write writes the file. Its parts carry no time, so that the same sheets give
// the same bytes.
func (b *workbook) write(w io.Writer) error {
	if err := b.file.Write(w); err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	return nil
}

// sheetWriter writes one sheet from top to bottom.
type sheetWriter struct {
	sheet  *xlsx.Sheet
	styles map[look]*xlsx.Style
	widths []int
	// last is the number of the last row that can be filtered.
	last int
	// columns is how many the header has; 0 without a header.
	columns int
}

// header writes the first row, which stays in view and can be filtered by.
func (s *sheetWriter) header(names []string) {
	cells := make([]cell, len(names))
	for i, name := range names {
		cells[i] = text(name)
	}
	s.row(cells, heading)
	s.columns = len(names)
	s.sheet.SheetViews = []xlsx.SheetView{{Pane: &xlsx.Pane{
		YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft", State: "frozen",
	}}}
}

// row writes the next row.
func (s *sheetWriter) row(cells []cell, as look) {
	for i, c := range cells {
		if i == len(s.widths) {
			s.widths = append(s.widths, 0)
		}
		width := c.shown()
		if as == heading {
			width += 3 // bold, and the filter's button
		}
		s.widths[i] = max(s.widths[i], width)
	}
	s.write(cells, as)
	s.last = s.sheet.MaxRow
}

// sentence writes a row of one text that may run over its column.
func (s *sheetWriter) sentence(words string, as look) { s.write([]cell{text(words)}, as) }

func (s *sheetWriter) write(cells []cell, as look) {
	row := s.sheet.AddRow()
	if as == title {
		row.SetHeight(24)
	}
	if len(cells) == 0 {
		return
	}
	row.GetCell(len(cells) - 1) // makes room once, not for each cell anew
	for i, c := range cells {
		to := row.GetCell(i)
		if c.number {
			to.SetNumeric(c.value)
		} else {
			to.SetString(c.value)
		}
		to.SetFormat(c.format)
		to.SetStyle(s.styles[as])
	}
}

// finish sets what depends on all rows.
func (s *sheetWriter) finish() {
	for i, width := range s.widths {
		s.sheet.SetColWidth(i+1, i+1, float64(min(max(width+2, narrowest), widest)))
	}
	if s.columns > 0 {
		s.sheet.AutoFilter = &xlsx.AutoFilter{
			TopLeftCell:     "A1",
			BottomRightCell: xlsx.GetCellIDStringFromCoords(s.columns-1, s.last-1),
		}
	}
}
