package report

import (
	"strings"

	"rollcall.example/events/records"
	"rollcall.example/schema"
)

// uploadColumns are the columns of the upload, which every sheet repeats.
type uploadColumns struct {
	names []string
	// fields and kinds are by index; "" where a column is unknown.
	fields []string
	kinds  []schema.Kind
}

func newUploadColumns(h records.Header) (uploadColumns, error) {
	known, err := schema.Columns()
	if err != nil {
		return uploadColumns{}, err
	}
	c := uploadColumns{
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

// makeCells returns the cells of an uploaded row: dates and numbers where
// validation could read them as such, and otherwise the text as uploaded.
func (c uploadColumns) makeCells(e *entry) []cell {
	list := make([]cell, max(len(e.cells), len(c.names)))
	for i := range list {
		uploaded := ""
		if i < len(e.cells) {
			uploaded = e.cells[i]
		}
		list[i] = textCell(uploaded)
		if e.row == nil || i >= len(c.kinds) || strings.TrimSpace(uploaded) == "" {
			continue
		}
		if typed, ok := parseTypedCell(c.kinds[i], e.row.Fields[c.fields[i]]); ok {
			list[i] = typed
		}
	}
	return list
}

// parseTypedCell returns a date or a number of a normalised value; false for
// everything else.
func parseTypedCell(kind schema.Kind, value string) (cell, bool) {
	switch kind {
	case schema.KindDate:
		return dateCell(value)
	case schema.KindMoney:
		return cell{value: value, number: true, format: formatMoney}, moneyPattern.MatchString(value)
	case schema.KindAge:
		return cell{value: value, number: true, format: formatWhole}, wholePattern.MatchString(value)
	}
	return cell{}, false
}
