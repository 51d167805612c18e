package report

import (
	"fmt"
	"io"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/services/sheets"
)

// look says how a row is drawn.
type look int

const (
	plain  look = iota
	red         // invalid, not registered
	yellow      // duplicate, existing member
	heading
	title
	link // leads to another sheet; of single cells
)

// A column is as wide as its widest cell, within these bounds, in characters.
const (
	minWidth = 8
	maxWidth = 60
	// maxFitted is how many columns get a width of their own.
	maxFitted = maxRepeated + 50
)

// workbook is the report in the making.
type workbook struct {
	book *sheets.Book
	// footer stands below each page.
	footer string
}

func newWorkbook(spoolDir string, maxSize int64, footer string) (*workbook, error) {
	style := func(size float64, bold bool, colour, fill string) *xlsx.Style {
		s := xlsx.NewStyle()
		s.Font = *xlsx.NewFont(size, "Calibri")
		s.Font.Family = 2
		s.Font.Bold = bold
		s.Font.Color = colour
		// Numbers are aligned left, like the texts of their column: a number at the
		// right edge runs into the text of the next column.
		s.Alignment = xlsx.Alignment{Horizontal: "left", Vertical: "top"}
		s.ApplyFont, s.ApplyFill, s.ApplyAlignment = true, true, true
		if fill != "" {
			s.Fill = *xlsx.NewFill(xlsx.Solid_Cell_Fill, fill, fill)
		}
		return s
	}
	linked := style(11, false, "FF0563C1", "")
	linked.Font.Underline = true
	book, err := sheets.New(sheets.Config{
		Looks: []sheets.Look{
			plain:   {Style: style(11, false, "FF000000", ""), WholeRow: true},
			red:     {Style: style(11, false, "FF000000", "FFFFC7CE"), WholeRow: true},
			yellow:  {Style: style(11, false, "FF000000", "FFFFEB9C"), WholeRow: true},
			heading: {Style: style(11, true, "FFFFFFFF", "FF4472C4")},
			title:   {Style: style(16, true, "FF000000", ""), Height: 24},
			link:    {Style: linked},
		},
		Formats:  formats,
		MaxSize:  maxSize,
		SpoolDir: spoolDir,
	})
	if err != nil {
		return nil, err
	}
	return &workbook{book, footer}, nil
}

// addSheet appends a sheet of which each printed page repeats the first row.
func (b *workbook) addSheet(name string) (*sheetWriter, error) {
	s, err := b.book.AddSheet(name)
	if err != nil {
		return nil, err
	}
	w := &sheetWriter{workbook: b, sheet: s}
	s.SetPage(sheets.Page{Landscape: true, HeaderRows: 1, Footer: b.footer})
	s.Configure(w.configure)
	return w, nil
}

// write writes the file. Its parts carry no time, so that the same sheets give the
// same bytes.
func (b *workbook) write(w io.Writer) error {
	if err := b.book.Write(w); err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	return nil
}

func (b *workbook) close() error { return b.book.Close() }

// placedCell is a cell in a column of the upload, from 0.
type placedCell struct {
	cell
	column int
}

// placedCells are cells that the workbook holds already, so that several sheets can
// show them without further work.
type placedCells struct {
	cells  []sheets.Cell
	widths []int
}

// placeCells puts the cells, ascending by their columns, into the workbook and
// into p.
func (b *workbook) placeCells(p *placedCells, cells []placedCell) error {
	p.reset()
	next := 0
	for _, c := range cells {
		if err := b.placeCell(p, c.cell, c.column-next); err != nil {
			return err
		}
		next = c.column + 1
	}
	return nil
}

// placeCell puts a cell into the workbook and, gap empty columns behind the last
// one, into p.
func (b *workbook) placeCell(p *placedCells, c cell, gap int) error {
	to := sheets.Number(c.value, int(c.format))
	if !c.number {
		var err error
		if to, err = b.book.AddText(c.value); err != nil {
			return err
		}
	}
	if c.link {
		to = to.As(int(link))
	}
	p.cells, p.widths = append(p.cells, to.After(gap)), append(p.widths, c.displayWidth())
	return nil
}

func (p *placedCells) reset() { p.cells, p.widths = p.cells[:0], p.widths[:0] }

// sheetWriter writes a sheet from top to bottom.
type sheetWriter struct {
	workbook *workbook
	sheet    *sheets.Sheet
	scratch  placedCells
	widths   []int
	// lastRow is the number of the last row that the filter covers.
	lastRow int
	// headerColumns is how many columns the header has; 0 without a header.
	headerColumns int
}

// writeHeader writes the first row, which stays in view and has the filter.
func (s *sheetWriter) writeHeader(names []string) error {
	cells := make([]cell, len(names))
	for i, name := range names {
		cells[i] = textCell(name)
	}
	s.headerColumns = len(names)
	return s.writeRow(cells, nil, heading)
}

// writeRow writes the next row: cells, followed by those of the upload unless
// uploaded is nil.
func (s *sheetWriter) writeRow(cells []cell, uploaded *placedCells, as look) error {
	s.scratch.reset()
	for _, c := range cells {
		if err := s.workbook.placeCell(&s.scratch, c, 0); err != nil {
			return err
		}
	}
	s.fitWidths(0, &s.scratch, as)
	if uploaded == nil {
		uploaded = &placedCells{}
	}
	s.fitWidths(len(cells), uploaded, as)
	if err := s.sheet.WriteRow(int(as), s.scratch.cells, uploaded.cells); err != nil {
		return err
	}
	s.lastRow = s.sheet.RowCount()
	return nil
}

// fitWidths widens the columns of cells that begin at the given one. Those that few
// sheets have keep the width that they begin with.
func (s *sheetWriter) fitWidths(from int, placed *placedCells, as look) {
	for i, width := range placed.widths {
		if from += placed.cells[i].Gap(); from >= maxFitted {
			return
		}
		for len(s.widths) <= from {
			s.widths = append(s.widths, 0)
		}
		if as == heading {
			width += 3 // bold text and the filter's button
		}
		s.widths[from] = max(s.widths[from], width)
		from++
	}
}

// writeSentence writes a row of one text, which may run over its column.
func (s *sheetWriter) writeSentence(words string, as look) error {
	s.scratch.reset()
	if err := s.workbook.placeCell(&s.scratch, textCell(words), 0); err != nil {
		return err
	}
	return s.sheet.WriteRow(int(as), s.scratch.cells)
}

// configure sets what surrounds the rows: widths, panes, filter.
func (s *sheetWriter) configure(sheet *xlsx.Sheet) {
	sheet.SheetFormat.DefaultRowHeight = 15
	for i, width := range s.widths {
		sheet.SetColWidth(i+1, i+1, float64(min(max(width+2, minWidth), maxWidth)))
	}
	if s.headerColumns == 0 {
		return
	}
	sheets.FreezeHeader(sheet)
	sheet.AutoFilter = &xlsx.AutoFilter{
		TopLeftCell:     "A1",
		BottomRightCell: xlsx.GetCellIDStringFromCoords(s.headerColumns-1, s.lastRow-1),
	}
}
