package sheets

import (
	"fmt"
	"strconv"

	"github.com/tealeg/xlsx/v3"
)

// Cell is a value in a row. The zero Cell is empty.
type Cell struct {
	kind   kind
	format uint8
	look   uint8  // 1 more than the look that it has instead of its row's; 0 means the row's
	gap    uint16 // empty columns before the cell
	text   uint32 // index of a shared text
	value  string // digits of a number
}

// After returns the cell n columns further to the right: that many empty columns
// stand between it and the cell before.
func (c Cell) After(n int) Cell {
	c.gap = uint16(n)
	return c
}

// As returns the cell with a look of its own, an index of Config.Looks.
func (c Cell) As(look int) Cell {
	c.look = uint8(look + 1)
	return c
}

// Gap returns how many empty columns stand before the cell.
func (c Cell) Gap() int { return int(c.gap) }

type kind uint8

const (
	empty kind = iota
	shared
	numeric
)

// Number returns a cell that holds a number, written as value is: decimal digits
// with a point. A date is the number of its day. format is an index of
// Config.Formats.
func Number(value string, format int) Cell {
	return Cell{kind: numeric, format: uint8(format), value: value}
}

// Sheet is a sheet of a book, written from top to bottom.
type Sheet struct {
	book *Book
	name string
	part *part
	// cellOpenings are the bytes between a cell's address and its value, for
	// numbers and for texts, by look and format.
	cellOpenings [][][2]string
	columns      []string // the letters of each
	widest       int      // the most cells in a row
	rows         int
	configure    []func(*xlsx.Sheet)
	page         *Page
	links        []link
	charts       []Chart
}

// Configure registers f, which is called when the book is written with the
// library's sheet, still without rows, to set what surrounds the rows: widths,
// panes, filters.
func (s *Sheet) Configure(f func(*xlsx.Sheet)) { s.configure = append(s.configure, f) }

// RowCount returns how many rows were written.
func (s *Sheet) RowCount() int { return s.rows }

// WriteRow writes the next row. look is an index of Config.Looks. The cells may
// come in several lists, which follow one another. Empty cells take up a column and
// are not written.
func (s *Sheet) WriteRow(look int, cells ...[]Cell) error {
	if s.rows == MaxRows {
		return fmt.Errorf("write row: sheet %q is full", s.name)
	}
	s.rows++
	buf := s.part.buf
	var digits [8]byte
	row := strconv.AppendInt(digits[:0], int64(s.rows), 10)
	buf = append(append(buf, `<row r="`...), row...)
	if h := s.book.cfg.Looks[look].Height; h > 0 {
		buf = append(buf, `" ht="`...)
		buf = strconv.AppendFloat(buf, h, 'f', -1, 64)
		buf = append(buf, `" customHeight="1`...)
	}
	if s.book.cfg.Looks[look].WholeRow {
		buf = append(append(buf, `" s="`...), s.book.styles[look][0]...)
		buf = append(buf, `" customFormat="1`...)
	}
	buf = append(buf, `">`...)
	column := 0
	for _, list := range cells {
		for i := range list {
			cell := &list[i]
			column += int(cell.gap)
			if column >= MaxColumns {
				return fmt.Errorf("write row: more than %d columns", MaxColumns)
			}
			column++
			if cell.kind == empty {
				continue
			}
			for column > len(s.columns) {
				s.columns = append(s.columns, xlsx.ColIndexToLetters(len(s.columns)))
			}
			buf = append(append(append(buf, `<c r="`...), s.columns[column-1]...), row...)
			own := look
			if cell.look > 0 {
				own = int(cell.look) - 1
			}
			if before := &s.cellOpenings[own][cell.format]; cell.kind == shared {
				buf = append(buf, before[1]...)
				buf = strconv.AppendUint(buf, uint64(cell.text), 10)
				s.book.strings.used++
			} else {
				buf = append(append(buf, before[0]...), cell.value...)
			}
			buf = append(buf, `</v></c>`...)
		}
	}
	s.widest = max(s.widest, column)
	return s.part.setBuffer(append(buf, `</row>`...))
}
