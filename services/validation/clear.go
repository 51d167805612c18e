package validation

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// clearMarker is what a cell says to empty its field of a member.
const clearMarker = "(clear)"

// isClearMarker reports whether a text is the marker. Case, width, space and
// characters that nobody sees make no difference: whoever wrote it never meant it as
// a value.
func isClearMarker(text string) bool {
	if len(text) > 16*len(clearMarker) {
		return false
	}
	visible := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, norm.NFKC.String(text))
	return strings.EqualFold(visible, clearMarker)
}

// clearField notes that a cell has the marker. It is true for such a cell, which is
// no value, also where it may not empty the field.
func (r *rowReader) clearField(column schema.Column, cell workbook.Cell) bool {
	switch {
	case !isClearMarker(cell.Text):
		return false
	case !r.judge.allowClear:
		r.warn(column.Field, WarnClear, "%s says %s, but the upload does not allow to empty fields (allow_clear): "+
			"it counts as blank, and a stored value stays.", column.Header, clearMarker)
	case !column.Clearable():
		r.warn(column.Field, WarnClear, "%s cannot be emptied: a stored value stays.", column.Header)
	default:
		r.clear = append(r.clear, column.Field)
	}
	return true
}
