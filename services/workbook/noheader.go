package workbook

import (
	"strings"
	"unicode"

	"rollcall.example/events"
	"rollcall.example/schema"
)

// firstRow is the first row of a sheet that shows something.
type firstRow struct {
	n     int
	texts []string
	data  []bool // by column, whether the cell holds what no header says
	ids   bool   // one of the cells is a valid ID number
}

func newFirstRow(row Row, texts []string, hasID bool) firstRow {
	first := firstRow{n: row.N, texts: texts, ids: hasID}
	for _, cell := range row.Cells {
		first.data = append(first.data, cell.Kind == Date || looksLikeData(cell.Text))
	}
	return first
}

// looksLikeData reports whether a text is a number, as those of people and telephones
// are, or an e-mail address. A header may have a year.
func looksLikeData(text string) bool {
	digits, letters := 0, 0
	for _, r := range text {
		switch {
		case r == '@':
			return true
		case unicode.IsDigit(r):
			digits++
		case unicode.IsLetter(r):
			letters++
		}
	}
	return digits > 4 && digits > letters
}

// hasNoHeader reports whether a sheet begins with the row of a member, and its mapping
// names columns by their letters alone, so that no header is needed.
func (f *headerFinder) hasNoHeader() bool {
	if f.first.n == 0 || f.best.row > 0 || f.other.known > 1 {
		return false
	}
	id, filled, data := -1, 0, false
	for _, e := range f.hints.entries {
		i, letter := events.ColumnIndex(e.Header)
		if !letter || len(columnsNamed(f.first.texts, e.Header)) > 0 {
			return false
		}
		if e.Field == schema.FieldID {
			id = i
		}
		if textAt(f.first.texts, i) != "" {
			filled++
			data = data || f.first.data[i]
		}
	}
	switch {
	case id < 0, id >= len(f.samples):
		return f.first.ids
	case id < len(f.first.data) && f.first.data[id]:
		return true
	}
	// Somebody without a number stands in the first row. A title may have a date beside it.
	return filled > 1 && data && strings.Trim(textAt(f.first.texts, id), "-. ") == ""
}

// readWithoutHeader returns the header that a sheet without one would have, as a mapping
// says: all rows are below it. Columns then has the names that rollcall knows its fields by.
func (s *Sheet) readWithoutHeader(columns []schema.Column, m *events.Mapping) (Header, error) {
	finder, top, err := s.readTop(func() *headerFinder {
		finder := newHeaderFinder(newHeaderIndex(columns))
		finder.fixed = newFixed(m)
		return finder
	})
	if err != nil {
		return Header{}, err
	}
	var c candidate
	for i := range finder.fixed.width {
		name, field := "", finder.fixed.fields[i]
		for _, column := range columns {
			if field != "" && column.Field == field {
				name = column.Header
			}
		}
		c.add(i, name, field, true)
	}
	header := finder.choose(c)
	if !c.named {
		guess, ok := finder.guess(c)
		if !ok {
			return Header{}, refuseNoIDColumn(nil, columns)
		}
		header = finder.take(c, guess)
	}
	header.None = true
	if s.csv != nil {
		s.csv.noteHeader(header, top.widths)
	}
	return header, nil
}
