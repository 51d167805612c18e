package report

import (
	"slices"
	"strings"

	"rollcall.example/events/records"
	"rollcall.example/schema"
)

// maxRepeated is how many columns of the upload every sheet repeats. Further ones
// are on a sheet of their own, once: so even an upload as wide as a sheet can be
// has a report, which needs columns beside those of the upload.
const maxRepeated = 1000

// uploadColumns are the columns of the upload, which every sheet repeats.
type uploadColumns struct {
	// names are those that every sheet has, and further those behind them.
	names, further []string
	// fields and kinds are by index; "" where a column is unknown.
	fields []string
	kinds  []schema.Kind
}

func newUploadColumns(h records.Header) (uploadColumns, error) {
	known, err := schema.Columns()
	if err != nil {
		return uploadColumns{}, err
	}
	n := min(len(h.Columns), maxRepeated)
	c := uploadColumns{
		names: h.Columns[:n], further: h.Columns[n:],
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

// fillCells sets list to the filled cells of an uploaded row: dates and numbers
// where validation could read them as such, and otherwise the text as uploaded.
func (c uploadColumns) fillCells(list []placedCell, e *entry) []placedCell {
	list = list[:0]
	for i, text := range e.texts() {
		p := placedCell{textCell(text), i}
		// What was guessed is another value than the cell's.
		if e.row != nil && i < len(c.kinds) && strings.TrimSpace(text) != "" && !slices.Contains(e.row.Guessed, c.fields[i]) {
			if typed, ok := parseTypedCell(c.kinds[i], e.row.Fields[c.fields[i]]); ok {
				p.cell = typed
			}
		}
		list = append(list, p)
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
