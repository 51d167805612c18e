package validation

import (
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"rollcall.example/events"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// maxName is how many characters of a header a fact repeats.
const maxName = 60

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
	skip := make(map[int]bool)
	for _, i := range j.header.Reasons {
		skip[i] = true
	}
	used := make(map[int]bool)
	for _, i := range j.header.Fields {
		used[i] = true
	}
	for i := range max(len(j.header.Columns), len(j.filled)) {
		filled := i < len(j.filled) && j.filled[i]
		name := j.columnName(i)
		column := events.UnusedColumn{Letter: columnLetters(i), Name: name, Why: events.UnusedUnknown}
		by, twice := j.header.Twice[i]
		switch {
		case skip[i], used[i] && filled, name == "" && !filled:
			continue
		case !filled:
			column.Why = events.UnusedEmpty
		case twice:
			column.Why, column.Used = events.UnusedTwice, columnLetters(by)
		}
		if use.UnusedTotal++; use.UnusedTotal <= events.MaxUnused {
			use.Unused = append(use.Unused, column)
		}
	}
	if g := j.header.Guess; g != nil {
		letter := columnLetters(g.Column)
		use.Guessed = []events.GuessedColumn{{
			Letter: letter, Name: j.columnName(g.Column), Field: schema.FieldID,
			Message: fmt.Sprintf("Column %s was taken as the ID number because %d of its first %d cells are valid "+
				"ID numbers and no header says which column has them. Please check it.", letter, g.IDs, g.Filled),
		}}
	}
	return use
}

// columnName returns the header of a column without ID numbers, cut where it is long.
func (j *Judge) columnName(i int) string {
	if i >= len(j.header.Columns) {
		return ""
	}
	name := j.header.Columns[i]
	if plain := norm.NFKC.String(name); events.HasID(plain) {
		name = events.MaskIDs(plain)
	}
	if utf8.RuneCountInString(name) > maxName {
		name = string([]rune(name)[:maxName-1]) + "…"
	}
	return name
}

// columnLetters names a column, from 0, as a spreadsheet program does.
func columnLetters(i int) string {
	letters := ""
	for n := i + 1; n > 0; n = (n - 1) / 26 {
		letters = string(rune('A'+(n-1)%26)) + letters
	}
	return letters
}
