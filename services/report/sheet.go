package report

import (
	"fmt"
	"io"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/services/sheets"
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

// workbook is the file in the making.
type workbook struct{ book *sheets.Book }

func newWorkbook(spoolDir string) (*workbook, error) {
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
	book, err := sheets.New(sheets.Config{
		Looks: []sheets.Look{
			plain:   {Style: style(11, false, "FF000000", "")},
			red:     {Style: style(11, false, "FF000000", "FFFFC7CE")},
			yellow:  {Style: style(11, false, "FF000000", "FFFFEB9C")},
			heading: {Style: style(11, true, "FFFFFFFF", "FF4472C4")},
			title:   {Style: style(16, true, "FF000000", ""), Height: 24},
		},
		Formats:  formats,
		SpoolDir: spoolDir,
	})
	if err != nil {
		return nil, err
	}
	return &workbook{book}, nil
}

// sheet appends a sheet.
func (b *workbook) sheet(name string) (*sheetWriter, error) {
	s, err := b.book.AddSheet(name)
	if err != nil {
		return nil, err
	}
	w := &sheetWriter{workbook: b, sheet: s}
	s.Configure(w.setup)
	return w, nil
}

// write writes the file. Its parts carry no time, so that the same sheets give
// the same bytes.
func (b *workbook) write(w io.Writer) error {
	if err := b.book.Write(w); err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	return nil
}

func (b *workbook) close() error { return b.book.Close() }

// placed are cells as the workbook holds them: to be written to several sheets
// without being looked at again.
type placed struct {
	cells  []sheets.Cell
	widths []int
}

// place makes p hold the cells.
func (b *workbook) place(p *placed, cells []cell) error {
	p.cells, p.widths = p.cells[:0], p.widths[:0]
	for _, c := range cells {
		to := sheets.Number(c.value, int(c.format))
		if !c.number {
			var err error
			if to, err = b.book.AddText(c.value); err != nil {
				return err
			}
		}
		p.cells, p.widths = append(p.cells, to), append(p.widths, c.shown())
	}
	return nil
}

// sheetWriter writes one sheet from top to bottom.
type sheetWriter struct {
	workbook *workbook
	sheet    *sheets.Sheet
	scratch  placed
	widths   []int
	// last is the number of the last row that can be filtered.
	last int
	// columns is how many the header has; 0 without a header.
	columns int
}

// header writes the first row, which stays in view and can be filtered by.
func (s *sheetWriter) header(names []string) error {
	cells := make([]cell, len(names))
	for i, name := range names {
		cells[i] = text(name)
	}
	s.columns = len(names)
	return s.row(cells, nil, heading)
}

// row writes the next row: cells, and those of the upload where there are any.
func (s *sheetWriter) row(cells []cell, uploaded *placed, as look) error {
	if err := s.workbook.place(&s.scratch, cells); err != nil {
		return err
	}
	s.fit(0, s.scratch.widths, as)
	if uploaded == nil {
		uploaded = &placed{}
	}
	s.fit(len(cells), uploaded.widths, as)
	if err := s.sheet.WriteRow(int(as), s.scratch.cells, uploaded.cells); err != nil {
		return err
	}
	s.last = s.sheet.RowCount()
	return nil
}

// fit widens the columns from the one given on.
func (s *sheetWriter) fit(from int, widths []int, as look) {
	for len(s.widths) < from+len(widths) {
		s.widths = append(s.widths, 0)
	}
	for i, width := range widths {
		if as == heading {
			width += 3 // bold, and the filter's button
		}
		s.widths[from+i] = max(s.widths[from+i], width)
	}
}

// sentence writes a row of one text that may run over its column.
func (s *sheetWriter) sentence(words string, as look) error {
	if err := s.workbook.place(&s.scratch, []cell{text(words)}); err != nil {
		return err
	}
	return s.sheet.WriteRow(int(as), s.scratch.cells)
}

// setup sets what stands around the rows.
func (s *sheetWriter) setup(sheet *xlsx.Sheet) {
	sheet.SheetFormat.DefaultRowHeight = 15
	for i, width := range s.widths {
		sheet.SetColWidth(i+1, i+1, float64(min(max(width+2, narrowest), widest)))
	}
	if s.columns == 0 {
		return
	}
	sheets.FreezeHeader(sheet)
	sheet.AutoFilter = &xlsx.AutoFilter{
		TopLeftCell:     "A1",
		BottomRightCell: xlsx.GetCellIDStringFromCoords(s.columns-1, s.last-1),
	}
}
