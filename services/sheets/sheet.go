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
	text   uint32 // index of a shared text
	value  string // digits of a number
}

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
}

// Configure registers f, which is called when the book is written with the
// library's sheet, still without rows, to set what surrounds the rows: widths,
// panes, filters.
func (s *Sheet) Configure(f func(*xlsx.Sheet)) { s.configure = append(s.configure, f) }

// RowCount returns how many rows were written.
func (s *Sheet) RowCount() int { return s.rows }

// WriteRow writes the next row. look is an index of Config.Looks. The cells may
// come in several lists, which follow one another.
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
	buf = append(buf, `">`...)
	column := 0
	for _, list := range cells {
		for i := range list {
			if column == len(s.columns) {
				if column == MaxColumns {
					return fmt.Errorf("write row: more than %d columns", MaxColumns)
				}
				s.columns = append(s.columns, xlsx.ColIndexToLetters(column))
			}
			buf = append(append(append(buf, `<c r="`...), s.columns[column]...), row...)
			column++
			cell := &list[i]
			switch before := &s.cellOpenings[look][cell.format]; cell.kind {
			case shared:
				buf = append(buf, before[1]...)
				buf = strconv.AppendUint(buf, uint64(cell.text), 10)
				buf = append(buf, `</v></c>`...)
				s.book.strings.used++
			case numeric:
				buf = append(buf, before[0]...)
				buf = append(append(buf, cell.value...), `</v></c>`...)
			default:
				buf = append(buf, before[0][:len(before[0])-len(`><v>`)]...)
				buf = append(buf, `/>`...)
			}
		}
	}
	s.widest = max(s.widest, column)
	return s.part.setBuffer(append(buf, `</row>`...))
}
