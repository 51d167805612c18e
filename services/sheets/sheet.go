package sheets

import (
	"fmt"
	"strconv"

	"github.com/tealeg/xlsx/v3"
)

// Cell is a value of a row. The zero Cell is empty.
type Cell struct {
	kind   kind
	format uint8
	text   uint32 // of a shared text
	value  string // of a number
}

type kind uint8

const (
	empty kind = iota
	shared
	numeric
)

// Number is a cell that holds a number, written as value is: decimal digits
// with a point. Dates are numbers. format is an index of Config.Formats.
func Number(value string, format int) Cell {
	return Cell{kind: numeric, format: uint8(format), value: value}
}

// Sheet is one sheet of a book, written from top to bottom.
type Sheet struct {
	book *Book
	name string
	part *part
	// before is what stands between a cell's address and its value, of numbers
	// and of texts, by look and format.
	before  [][][2]string
	columns []string // letters
	widest  int      // most cells in a row
	rows    int
	setup   []func(*xlsx.Sheet)
}

// Setup is called with the sheet as the library knows it, without its rows,
// when the book is written: to set what stands around them.
func (s *Sheet) Setup(f func(*xlsx.Sheet)) { s.setup = append(s.setup, f) }

// Rows is how many rows were written.
func (s *Sheet) Rows() int { return s.rows }

// Row writes the next row. look is an index of Config.Looks. The cells may
// come in two lists, of which the second stands after the first.
func (s *Sheet) Row(look int, cells ...[]Cell) error {
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
			switch before := &s.before[look][cell.format]; cell.kind {
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
	return s.part.wrote(append(buf, `</row>`...))
}
