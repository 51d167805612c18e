package workbook

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

// headerRows is how far down a sheet the header is looked for.
const headerRows = 50

// Header says where the columns of a roll are.
type Header struct {
	// Row is the number of the header's row in the sheet, from 1.
	Row int
	// Columns are the texts of the header, from column A to the last one that
	// has a text; blank ones between them are "".
	Columns []string
	// Fields maps the canonical name of a column to its index in Columns.
	// Columns that nobody knows have no entry.
	Fields map[string]int
	// Reasons are the indexes of columns that a workbook of rejected rows was
	// given beside those of the upload. They are no part of the roll: their
	// texts in Columns are "" and their cells are not to be read.
	Reasons []int
}

// Fold reduces a header or a word to what counts: its letters and digits, in
// lower case.
func Fold(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// FindHeader finds the header among the first rows of a sheet: the row with an
// ID column and the most columns that are known, the upper one of equals.
// A row without an ID column is none (refusal.CodeNoIDColumn), and one field must not
// have two columns (refusal.CodeDuplicateColumn).
func FindHeader(rows []Row, columns []schema.Column) (Header, error) {
	header, known, err := find(rows, columns)
	if err == nil && header.Row == 0 {
		err = noIDColumn(known, columns)
	}
	return header, err
}

// find returns a Header without a row where there is none, and then the known
// headers of the row that has most of them.
func find(rows []Row, columns []schema.Column) (Header, []string, error) {
	fields := fieldsByName(columns)
	var best Header
	var nearest []string
	for _, row := range rows {
		if row.N > headerRows {
			break
		}
		h, known := readHeader(row, fields)
		if _, ok := h.Fields[schema.FieldID]; ok && len(h.Fields) > len(best.Fields) {
			best = h
		}
		if len(known) > len(nearest) {
			nearest = known
		}
	}
	if err := checkDuplicates(best.Columns, fields); err != nil {
		return Header{}, nil, err
	}
	return best, nearest, nil
}

// fieldsByName maps each folded header and alias to the column's field.
func fieldsByName(columns []schema.Column) map[string]string {
	fields := make(map[string]string)
	for _, column := range columns {
		fields[Fold(column.Header)] = column.Field
		for _, alias := range column.Aliases {
			fields[Fold(alias)] = column.Field
		}
	}
	return fields
}

func readHeader(row Row, fields map[string]string) (Header, []string) {
	h := Header{Row: row.N, Fields: make(map[string]int)}
	var known []string
	for i, cell := range row.Cells {
		text := tidy(cell.Text)
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

// noIDColumn names the headers that were found, but only those that are known:
// where there is no header at all, a person's row would be quoted.
func noIDColumn(found []string, columns []schema.Column) error {
	names := []string(nil)
	if i := slices.IndexFunc(columns, func(c schema.Column) bool { return c.Field == schema.FieldID }); i >= 0 {
		names = append([]string{columns[i].Header}, columns[i].Aliases...)
	}
	seen := "No header row was found either."
	if len(found) > 0 {
		seen = "Columns found: " + strings.Join(found, ", ") + "."
	}
	return refuse(refusal.CodeNoIDColumn, fmt.Sprintf("No sheet has a column for the ID number within its first %d rows. %s "+
		"Name the column one of: %s.", headerRows, seen, strings.Join(names, ", ")), nil)
}

// tidy trims text and makes every run of white space one space.
func tidy(text string) string { return strings.Join(strings.Fields(text), " ") }
