package validation

import (
	"cmp"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// CodeDateOrder is the code of a file's warning that day and month of a column may be
// exchanged.
const CodeDateOrder = "date_order"

// CodeNoHeader is the code of a file's warning that its sheet has no header.
const CodeNoHeader = "no_header"

// dateColumn counts what the dates of a column tell of the order of day and month.
type dateColumn struct {
	monthFirst int // texts that are dates with the month first only
	either     int // texts that were read with the day first and are dates both ways
	stored     int // dates that the spreadsheet stores as such, and that are dates both ways
	dayStored  bool
}

// readDate reads the cell of a date column and notes what it tells of the column.
func (j *Judge) readDate(column schema.Column, cell workbook.Cell) (time.Time, bool) {
	seen := j.dates[column.Field]
	if seen == nil {
		seen = &dateColumn{}
		j.dates[column.Field] = seen
	}
	if cell.Kind == workbook.Date {
		day := cell.Day.Day()
		switch {
		case day > 12:
			seen.dayStored = true
		case day != int(cell.Day.Month()):
			seen.stored++
		}
		return checkDay(cell.Day.Year(), int(cell.Day.Month()), day)
	}
	rules := DateRules{Date1904: j.date1904}
	if isPast(column.Field) {
		rules.Latest = j.today
	}
	day, order, ok := rules.read(cell.Text)
	switch order {
	case orderMonth:
		seen.monthFirst++
	case orderEither:
		seen.either++
	}
	return day, ok
}

// isPast reports whether the dates of a field cannot lie in the future.
func isPast(field string) bool {
	return field == "date_joined" || field == "last_payment" || field == schema.FieldBirth
}

// noteDates notes what the dates of a row that does not go on tell of their columns.
func (j *Judge) noteDates(row workbook.Row) {
	for _, column := range j.columns {
		if column.Kind == schema.KindDate {
			if cell := cellAt(row, j.header.Fields[column.Field]); !cell.Blank() {
				j.readDate(column, cell)
			}
		}
	}
}

// FileWarnings say what the rows judged so far tell of the whole file.
func (j *Judge) FileWarnings() (list []events.FileWarning) {
	if j.header.None {
		list = append(list, events.FileWarning{Code: CodeNoHeader, Message: "The sheet has no header, so all of its rows " +
			"were read. What its columns are is what the mapping says of their letters; check that the first row is a member."})
	}
	for _, column := range j.columns {
		seen := j.dates[column.Field]
		if seen == nil || seen.monthFirst == 0 {
			continue
		}
		swapped := ""
		if seen.stored > 0 && !seen.dayStored {
			swapped = fmt.Sprintf(" Cells that are stored as dates were read as they are: %d; the program that made the "+
				"file may have exchanged their day and month.", seen.stored)
		}
		if seen.either == 0 && swapped == "" {
			continue
		}
		i := j.header.Fields[column.Field]
		list = append(list, events.FileWarning{Code: CodeDateOrder, Message: fmt.Sprintf("Column %s (%s) may have the "+
			"month first. Dates that can only be read so, such as 12/31/2020: %d; they are left out. Dates that can be read "+
			"both ways, such as 03/04/2021: %d; they were read with the day first, nothing was exchanged.%s "+
			"Check the column, or write its dates as 2021-04-03.",
			events.ColumnLetters(i), cmp.Or(columnName(j.header, i), column.Header), seen.monthFirst, seen.either, swapped)})
	}
	return list
}
