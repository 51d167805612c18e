package validation

import (
	"fmt"

	"rollcall.example/events/records"
	"rollcall.example/services/workbook"
)

// The codes of a records.Warning.
const (
	WarnCitizenshipDigit = "citizenship_digit"
	WarnAge              = "age_unlikely"
	WarnAgeDiffers       = "age_contradicts_id"
	WarnGenderDiffers    = "gender_contradicts_id"
	WarnBirthDiffers     = "birth_contradicts_id"
	WarnNameSplit        = "name_split"
	WarnSurname          = "surname_missing"
	WarnDate             = "date_unreadable"
	WarnDateFuture       = "date_in_future"
	WarnMoney            = "money_unreadable"
	WarnEmail            = "email_unreadable"
	WarnPhone            = "phone_unreadable"
	WarnCode             = "code_unreadable"
	WarnNumber           = "number_unreadable"
	WarnFormula          = "formula_failed"
	WarnWord             = "word_unknown"
	WarnCut              = "text_cut"
	WarnClear            = "clear_not_possible"
	WarnLost             = "cell_lost"
	WarnTwice            = "cell_twice"
	WarnNoResult         = "formula_without_result"
	WarnQuote            = workbook.CodeQuote
	WarnBytes            = workbook.CodeBytes
	WarnControls         = workbook.CodeControls
	WarnFieldCount       = "field_count"
	WarnZerosRestored    = "id_zeros_restored"
)

// tellFaults says what was mended to read a row of a text, and where it has other columns
// than the header.
func (j *Judge) tellFaults(row workbook.Row) []records.Warning {
	var told []records.Warning
	tell := func(code, message string) { told = append(told, records.Warning{Code: code, Message: message}) }
	if row.Faults&workbook.UnclosedQuote != 0 {
		tell(WarnQuote, "A quotation mark is never closed. Its field ends with the line; check the cells of this row.")
	}
	if row.Faults&workbook.OddBytes != 0 {
		tell(WarnBytes, "Some letters are damaged in the file; check the names in this row.")
	}
	if row.Faults&workbook.OddCharacters != 0 {
		tell(WarnControls, "Characters that cannot be shown are left out.")
	}
	width := len(j.header.Columns)
	if j.header.None || j.idColumn >= width {
		return told // there is no header that could have as many
	}
	if fields := row.FieldsBeside(width); fields > 0 && fields != width && row.Faults&workbook.UnclosedQuote == 0 {
		tell(WarnFieldCount, fmt.Sprintf("The row has %d fields, the header %d. "+
			"Check whether the cells are in their columns.", fields, width))
	}
	return told
}
