package validation

import (
	"fmt"

	"rollcall.example/events"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// Column says what becomes of a column of a file.
type Column struct {
	// Index counts from 0, Letter is what a spreadsheet program calls the column.
	Index  int
	Letter string
	// Name is its header without ID numbers, cut where it is long; "" where it has none.
	Name string
	// Field is the field that it is read as, "" for none.
	Field string
	// Why is one of the Because constants or, of a column of which no cell is used, one of
	// events.Unused.
	Why string
	// Used is the letter of the column that is used instead, where Why is
	// events.UnusedTwice.
	Used string
}

// Why a column is read as a field, or is no part of the roll.
const (
	BecauseHeader  = "header"  // the header says so
	BecauseMapping = "mapping" // the uploader says so
	BecauseContent = "content" // most of its first cells are ID numbers
	BecauseReasons = "reasons" // it has what rollcall itself wrote of rejected rows
)

// DescribeColumns says what becomes of each column that has a header or a filled cell.
// Filled reports whether a cell of a column is filled; no column from n on has one.
func DescribeColumns(h workbook.Header, n int, filled func(i int) bool) []Column {
	var all []Column
	reasons, fields := make(map[int]bool), make(map[int]string)
	for _, i := range h.Reasons {
		reasons[i] = true
	}
	for field, i := range h.Fields {
		fields[i] = field
	}
	for i := range max(len(h.Columns), n) {
		c := Column{Index: i, Letter: events.ColumnLetters(i), Name: columnName(h, i), Field: fields[i]}
		by, twice := h.Twice[i]
		switch full := i < n && filled(i); {
		case reasons[i]:
			c.Why, c.Field = BecauseReasons, ""
		case c.Name == "" && c.Field == "" && !full:
			continue
		case h.LeftOut[i]:
			c.Why = events.UnusedLeftOut
		case !full:
			c.Why = events.UnusedEmpty
		case h.Guess != nil && h.Guess.Column == i && c.Field != "":
			c.Why = BecauseContent
		case h.Mapped[i]:
			c.Why = BecauseMapping
		case c.Field != "":
			c.Why = BecauseHeader
		case twice:
			c.Why, c.Used = events.UnusedTwice, events.ColumnLetters(by)
		default:
			c.Why = events.UnusedUnknown
		}
		all = append(all, c)
	}
	return all
}

// noteFilled notes which columns have a filled cell.
func (j *Judge) noteFilled(row workbook.Row) {
	for len(j.filled) < len(row.Cells) {
		j.filled = append(j.filled, false)
	}
	for i := range row.Cells {
		if !j.filled[i] && !row.Cells[i].Blank() {
			j.filled[i] = true
		}
	}
}

// ColumnUse says which columns the rows judged so far did not use, and which the header
// did not tell.
func (j *Judge) ColumnUse() events.ColumnUse {
	var use events.ColumnUse
	for _, c := range DescribeColumns(j.header, len(j.filled), func(i int) bool { return j.filled[i] }) {
		switch c.Why {
		case BecauseHeader, BecauseMapping, BecauseContent, BecauseReasons:
			continue
		}
		if use.UnusedTotal++; use.UnusedTotal <= events.MaxUnused {
			use.Unused = append(use.Unused,
				events.UnusedColumn{Letter: c.Letter, Name: c.Name, Why: c.Why, Used: c.Used})
		}
	}
	if g := j.header.Guess; g != nil {
		letter := events.ColumnLetters(g.Column)
		use.Guessed = []events.GuessedColumn{{
			Letter: letter, Name: columnName(j.header, g.Column), Field: schema.FieldID,
			Message: fmt.Sprintf("Column %s was taken as the ID number because %d of its first %d cells are valid "+
				"ID numbers and no header says which column has them. Please check it.", letter, g.IDs, g.Filled),
		}}
	}
	return use
}

// columnName returns the header of a column without ID numbers, cut where it is long.
func columnName(h workbook.Header, i int) string {
	if h.None || i >= len(h.Columns) {
		return ""
	}
	return events.MaskHeader(h.Columns[i])
}
