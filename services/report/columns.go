package report

import (
	"strings"

	"rollcall.example/events/records"
	"rollcall.example/schema"
)

// columns are the uploaded ones, as they come back in every sheet.
type columns struct {
	names []string
	// fields and kinds are by index, "" where a column is not known.
	fields []string
	kinds  []schema.Kind
}

func newColumns(h records.Header) (columns, error) {
	known, err := schema.Columns()
	if err != nil {
		return columns{}, err
	}
	c := columns{
		names:  h.Columns,
		fields: make([]string, len(h.Columns)),
		kinds:  make([]schema.Kind, len(h.Columns)),
	}
	for _, k := range known {
		if i, ok := h.Fields[k.Field]; ok && i >= 0 && i < len(h.Columns) {
			c.fields[i], c.kinds[i] = k.Field, k.Kind
		}
	}
	return c, nil
}

// cells are those of an uploaded row: dates and numbers where they could be
// read as such, and all else the text as it was uploaded.
func (c columns) cells(e *entry) []cell {
	list := make([]cell, max(len(e.cells), len(c.names)))
	for i := range list {
		uploaded := ""
		if i < len(e.cells) {
			uploaded = e.cells[i]
		}
		list[i] = text(uploaded)
		if e.row == nil || i >= len(c.kinds) || strings.TrimSpace(uploaded) == "" {
			continue
		}
		if typed, ok := typedCell(c.kinds[i], e.row.Fields[c.fields[i]]); ok {
			list[i] = typed
		}
	}
	return list
}

// typedCell is a date or a number of a normalised value, false for all else.
func typedCell(kind schema.Kind, value string) (cell, bool) {
	switch kind {
	case schema.KindDate:
		return day(value)
	case schema.KindMoney:
		return cell{value: value, number: true, format: formatMoney}, moneyPattern.MatchString(value)
	case schema.KindAge:
		return cell{value: value, number: true, format: formatWhole}, wholePattern.MatchString(value)
	}
	return cell{}, false
}
