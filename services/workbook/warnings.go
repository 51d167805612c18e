package workbook

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"rollcall.example/events"
)

// maxFileWarnings is how many warnings a file gives; a workbook may have a thousand
// sheets.
const maxFileWarnings = 20

// warn adds a warning about the file.
func (f *File) warn(code, message string) {
	if len(f.warnings) < maxFileWarnings {
		f.warnings = append(f.warnings, events.FileWarning{Code: code, Message: message})
	}
}

// Warnings say what is remarkable about the file, and about the sheet whose rows were
// read last to their end: what is hidden was read like all else, and what is missing was
// not. They hold nothing that stands in a cell.
func (f *File) Warnings(read *Sheet) []events.FileWarning {
	all := append([]events.FileWarning(nil), f.warnings...)
	add := func(code, format string, args ...any) {
		all = append(all, events.FileWarning{Code: code, Message: fmt.Sprintf(format, args...)})
	}
	var hidden []string
	for _, s := range f.Sheets {
		if s.Hidden && s != read {
			hidden = append(hidden, quoteName(s.Name))
		}
	}
	if n := len(hidden); n > 0 {
		add("hidden_sheets", "The workbook has hidden sheets (%s). The roll was read from the sheet %s.",
			joinNames(hidden), quoteName(read.Name))
	}
	if read.Hidden {
		add("hidden_sheet_read", "The sheet %s, from which the roll was read, is hidden.", quoteName(read.Name))
	}
	switch {
	case read.hiddenRows > 0 && read.filtered:
		add("filtered_rows", "The sheet %s has a filter, and %s. They were read like the others.",
			quoteName(read.Name), countHidden(read.hiddenRows))
	case read.hiddenRows > 0:
		add("hidden_rows", "In the sheet %s %s. They were read like the others.", quoteName(read.Name),
			countHidden(read.hiddenRows))
	}
	return all
}

func countHidden(n int) string {
	if n == 1 {
		return "1 row is hidden"
	}
	return fmt.Sprintf("%d rows are hidden", n)
}

// joinNames joins at most three names.
func joinNames(names []string) string {
	if more := len(names) - 3; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), more)
	}
	return strings.Join(names, ", ")
}

// quoteName quotes the name of a sheet, shortened, and without digits that could be an
// ID number.
func quoteName(name string) string {
	digits := 0
	for _, r := range name {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	runes := []rune(name)
	if len(runes) > 31 {
		runes = append(runes[:31], '…')
	}
	if digits >= 10 {
		for i, r := range runes {
			if unicode.IsDigit(r) {
				runes[i] = '#'
			}
		}
	}
	return strconv.Quote(string(runes))
}
