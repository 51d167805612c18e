package inspect

import (
	"fmt"

	"rollcall.example/events"
	"rollcall.example/schema"
	"rollcall.example/services/validation"
	"rollcall.example/services/workbook"
)

// columns describes the columns, with what the rows so far have in them.
func (s *survey) columns() []Column {
	all := []Column{}
	described := validation.DescribeColumns(s.header, len(s.filled), func(i int) bool { return s.filled[i] > 0 })
	for _, d := range described {
		c := Column{Letter: d.Letter, Header: d.Name, Why: d.Why, Used: d.Used, Values: []string{}}
		if d.Field != "" {
			c.Field = &d.Field
		}
		if d.Index < len(s.filled) {
			c.Filled = s.filled[d.Index]
			c.Values = append(c.Values, s.values[d.Index]...)
		}
		c.Message = s.tell(d)
		all = append(all, c)
	}
	return all
}

// tell says in a sentence what becomes of a column.
func (s *survey) tell(c validation.Column) string {
	unused := events.UnusedColumn{Letter: c.Letter, Name: c.Name, Why: c.Why, Used: c.Used}
	guess := s.header.Guess
	switch {
	case c.Why == validation.BecauseContent:
		return fmt.Sprintf("Read as %s: %s. Please check it.", c.Field, tellGuess(guess))
	case guess != nil && guess.Column == c.Index:
		return fmt.Sprintf("This could be the ID number: %s. Name it so, and upload the file again.", tellGuess(guess))
	case c.Why == validation.BecauseHeader:
		return fmt.Sprintf("Read as %s.", c.Field)
	case c.Why == validation.BecauseMapping:
		return fmt.Sprintf("Read as %s, as the mapping says.", c.Field)
	case c.Why == validation.BecauseReasons:
		return "Left out: rollcall itself wrote this about rejected rows."
	}
	return unused.Sentence()
}

func tellGuess(g *workbook.Guess) string {
	return fmt.Sprintf("%d of its first %d cells are valid ID numbers", g.IDs, g.Filled)
}

// tellWhy says in a sentence how the sheet and the header were found.
func tellWhy(found workbook.Look) string {
	h := found.Header
	sheet := "The file"
	if found.Sheet.Name != "" {
		sheet = fmt.Sprintf("The sheet %q", events.MaskIDs(found.Sheet.Name))
	}
	known := fmt.Sprintf("%d known columns", len(h.Fields))
	if len(h.Fields) == 1 {
		known = "one known column"
	}
	_, hasID := h.Fields[schema.FieldID]
	switch {
	case h.None:
		return fmt.Sprintf("%s has no header: it begins with a member, and the mapping names the columns by their letters. "+
			"All rows are read, with %s.", sheet, known)
	case h.Row == 0:
		return sheet + " has no row that looks like a header."
	case found.Refused != nil && !hasID:
		return fmt.Sprintf("%s comes nearest to a roll: row %d is most like a header, with %s and none for the ID number.",
			sheet, h.Row, known)
	case found.Refused != nil:
		return fmt.Sprintf("%s has a header in row %d, with %s, and no rows below it.", sheet, h.Row, known)
	}
	among := "visible sheet"
	if found.Sheet.Hidden {
		among = "sheet"
	}
	how := "names the column of the ID numbers"
	if h.Mapped[h.Fields[schema.FieldID]] {
		how = "has the column that the mapping names for the ID numbers"
	}
	if h.Guess != nil {
		how = "stands above ID numbers, although it does not name their column"
	}
	if found.Sheet.Name == "" {
		return fmt.Sprintf("Row %d %s. It has %s, and no other of the first rows has more.", h.Row, how, known)
	}
	return fmt.Sprintf("%s is the first %s with a header and rows below it. Row %d %s. It has %s, and no other of the "+
		"first rows has more.", sheet, among, h.Row, how, known)
}
