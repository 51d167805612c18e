package workbook

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

// headerRows is how many rows from the top may hold the header.
const headerRows = 50

// Header says where the columns of a roll are.
type Header struct {
	// Row is the number of the header's row in the sheet, from 1.
	Row int
	// Columns are the texts of the header, from column A to the last column that
	// has a text; blank columns between them are "".
	Columns []string
	// Fields maps the canonical name of a column to its index in Columns. Unknown
	// columns have no entry.
	Fields map[string]int
	// Reasons are the indexes of the columns that a workbook of rejected rows has
	// beside those of the upload. They do not belong to the roll: their texts in
	// Columns are "", and nobody reads their cells.
	Reasons []int
}

// Fold reduces a header or a word to its letters and digits in lower case, by which
// it is compared.
func Fold(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// headerFinder finds the header among the first rows of a sheet: the row with an ID
// column and the most known columns, the upper one of equals. It keeps no row.
type headerFinder struct {
	fields  map[string]string
	best    Header
	nearest []string // the known headers of the row that has most of them
}

func newHeaderFinder(columns []schema.Column) *headerFinder {
	return &headerFinder{fields: indexFields(columns)}
}

// add looks at the next row. The header is not further down than headerRows.
func (f *headerFinder) add(row Row) {
	if row.N > headerRows {
		return
	}
	h, known := matchHeader(row, f.fields)
	if _, ok := h.Fields[schema.FieldID]; ok && len(h.Fields) > len(f.best.Fields) {
		f.best = h
	}
	if len(known) > len(f.nearest) {
		f.nearest = known
	}
}

// header returns the header, and the known headers of the row that has most of them.
// Where there is none the Header has no row. One field must not have two columns
// (refusal.CodeDuplicateColumn).
func (f *headerFinder) header() (Header, []string, error) {
	if err := checkDuplicates(f.best.Columns, f.fields); err != nil {
		return Header{}, nil, err
	}
	return f.best, f.nearest, nil
}

// indexFields maps each folded header and alias to its column's field.
func indexFields(columns []schema.Column) map[string]string {
	fields := make(map[string]string)
	for _, column := range columns {
		fields[Fold(column.Header)] = column.Field
		for _, alias := range column.Aliases {
			fields[Fold(alias)] = column.Field
		}
	}
	return fields
}

// matchHeader reads a row as a header and returns the headers in it that are known.
func matchHeader(row Row, fields map[string]string) (Header, []string) {
	h := Header{Row: row.N, Fields: make(map[string]int)}
	var known []string
	for i, cell := range row.Cells {
		text := collapseSpaces(cell.Text)
		if text == "" {
			h.Columns = append(h.Columns, "")
			continue
		}
		if Fold(text) == Fold(schema.ReasonHeader) {
			h.Reasons = append(h.Reasons, i)
			text = ""
		}
		h.Columns = append(h.Columns, text)
		if field, ok := fields[Fold(text)]; ok {
			known = append(known, text)
			if _, taken := h.Fields[field]; !taken {
				h.Fields[field] = i
			}
		}
	}
	for len(h.Columns) > 0 && h.Columns[len(h.Columns)-1] == "" {
		h.Columns = h.Columns[:len(h.Columns)-1]
	}
	return h, known
}

func checkDuplicates(header []string, fields map[string]string) error {
	first := make(map[string]string)
	for _, text := range header {
		field, known := fields[Fold(text)]
		if !known {
			continue
		}
		if other, ok := first[field]; ok {
			return refuse(refusal.CodeDuplicateColumn, fmt.Sprintf("The columns %q and %q mean the same. "+
				"Keep one of them, or rename the other, and upload the workbook again.", other, text), nil)
		}
		first[field] = text
	}
	return nil
}

// refuseNoIDColumn refuses a workbook without an ID column. It names the known
// headers that were found and no other text: where there is no header at all, other
// text would be a person's row.
func refuseNoIDColumn(found []string, columns []schema.Column) error {
	names := []string(nil)
	if i := slices.IndexFunc(columns, func(c schema.Column) bool { return c.Field == schema.FieldID }); i >= 0 {
		names = append([]string{columns[i].Header}, columns[i].Aliases...)
	}
	seen := "No header row was found either."
	if len(found) > 0 {
		seen = "Columns found: " + strings.Join(found, ", ") + "."
	}
	return refuse(refusal.CodeNoIDColumn,
		fmt.Sprintf("No sheet has a column for the ID number within its first %d rows. %s "+
			"Name the column one of: %s.", headerRows, seen, strings.Join(names, ", ")), nil)
}

// collapseSpaces trims text and makes each run of white space one space.
func collapseSpaces(text string) string { return strings.Join(strings.Fields(text), " ") }
