package workbook

import (
	"math/bits"

	"rollcall.example/events/spelling"
	"rollcall.example/schema"
)

// sampleRows is how many rows from the top tell what the columns hold. Preflight reads
// them all.
const sampleRows = headerRows + 50

// columnSample says in which of the first sampleRows rows the cell of a column is
// filled, and in which it is a valid ID number: a bit for each row.
type columnSample struct{ filled, ids [2]uint64 }

// sample notes the cells of a row. It reports whether one is an ID number.
func (f *headerFinder) sample(row Row) bool {
	for len(f.samples) < len(row.Cells) {
		f.samples = append(f.samples, columnSample{})
	}
	word, bit := (row.N-1)/64, uint64(1)<<((row.N-1)%64)
	found := false
	for i, cell := range row.Cells {
		if cell.Blank() {
			continue
		}
		f.samples[i].filled[word] |= bit
		if isIDNumber(cell) {
			f.samples[i].ids[word] |= bit
			found = true
		}
	}
	return found
}

// filled counts the filled cells of a column below a row.
func (f *headerFinder) filled(column, row int) int {
	if column >= len(f.samples) {
		return 0
	}
	return countBelow(f.samples[column].filled, row)
}

// ids counts the valid ID numbers of a column below a row.
func (f *headerFinder) ids(column, row int) int {
	if column >= len(f.samples) {
		return 0
	}
	return countBelow(f.samples[column].ids, row)
}

// countBelow counts the bits of the rows below a row.
func countBelow(rows [2]uint64, row int) int {
	if row >= 64 {
		return bits.OnesCount64(rows[1] >> (row - 64))
	}
	return bits.OnesCount64(rows[0]>>row) + bits.OnesCount64(rows[1])
}

// guessed returns the header whose ID column the cells tell, where no header does: no
// row names one, or what is named holds no ID number and another column does.
func (f *headerFinder) guessed() (Header, bool) {
	if f.fixed.has(schema.FieldID) {
		return Header{}, false
	}
	named := f.best.row > 0
	if named {
		h := f.choose(f.best)
		id := h.Fields[schema.FieldID]
		if f.ids(id, h.Row) > 0 || f.filled(id, h.Row) == 0 && f.other.known <= f.best.known {
			return Header{}, false
		}
		// One cell may look like an ID number by chance.
		if g, ok := f.guess(f.best); ok && g.IDs > 1 {
			return f.take(f.best, g), true
		}
	}
	if f.other.row > 0 && f.other.known > f.best.known {
		if g, ok := f.guess(f.other); ok {
			return f.take(f.other, g), true
		}
	}
	if !named && f.above.row > 0 {
		if g, ok := f.guess(f.above); ok && textAt(f.above.texts, g.Column) != "" {
			return f.take(f.above, g), true
		}
	}
	return Header{}, false
}

// guess returns the column below a header in which most cells are ID numbers, the one
// with most of them. The header says nothing of it.
func (f *headerFinder) guess(c candidate) (Guess, bool) {
	best := Guess{}
	for i := range f.samples {
		if field := textAt(c.fields, i); field != "" {
			continue
		}
		if _, said := f.fixed.field(i); said {
			continue
		}
		if _, said := f.hints.find(textAt(c.texts, i)); said {
			continue
		}
		if g := (Guess{i, f.ids(i, c.row), f.filled(i, c.row)}); g.IDs > best.IDs && 2*g.IDs > g.Filled {
			best = g
		}
	}
	return best, best.IDs > 0
}

// take returns the header of a row whose ID column was guessed.
func (f *headerFinder) take(c candidate, g Guess) Header {
	h := f.choose(c)
	if named, ok := h.Fields[schema.FieldID]; ok {
		h.Twice[named] = g.Column
		for i, used := range h.Twice {
			if used == named {
				h.Twice[i] = g.Column
			}
		}
	}
	h.Fields[schema.FieldID], h.Guess = g.Column, &g
	return h
}

// leastIDText and maxIDText are how many bytes the text of a cell may have that is read as an ID number.
const leastIDText, maxIDText = spelling.Length - 3, 120

// isIDNumber reports whether a cell holds a valid ID number.
func isIDNumber(cell Cell) bool {
	if len(cell.Text) < leastIDText || len(cell.Text) > maxIDText || cell.Kind == Date {
		return false
	}
	read := spelling.Read(cell.Text, cell.Numeric())
	return read.Fault == spelling.Fine && spelling.IsValid(read.Digits)
}
