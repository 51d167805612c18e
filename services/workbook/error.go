// Package workbook reads uploaded .xlsx and .csv files: it refuses what is none, yields
// the rows of its sheets, and finds the sheet and the columns of a roll. It
// trusts nothing in a file.
//
// Rows are read as they are asked for, out of the packed file, and nothing of a
// sheet is held: memory does not depend on the file. Read are shared, inline and
// rich strings without their phonetic runs, numbers, dates of both systems and in
// ISO form, booleans, errors and the results of formulas; cells and rows that do
// not say where they stand; transitional and strict workbooks with any prefix;
// entities, CDATA and _xHHHH_. Refused are document types, text that is not in
// UTF-8, cells and rows that are there twice or out of order, and whatever is
// larger than a sheet can be.
//
// A text of comma-separated values is a workbook of one sheet: in UTF-8, UTF-16 or
// Windows-1252, with the delimiter by which most columns are known. Its rows have
// the numbers that a spreadsheet program shows.
package workbook

import "fmt"

// The codes of an Error. They are stable: clients decide by them.
const (
	CodeEmptyFile       = "empty_file"
	CodeXLS             = "xls_not_supported"
	CodeNotAZip         = "not_a_zip"
	CodeNotAWorkbook    = "not_a_workbook"
	CodeEncrypted       = "encrypted_workbook"
	CodeTooLarge        = "too_large_unpacked"
	CodeUnreadable      = "unreadable_workbook"
	CodeNoRows          = "no_rows"
	CodeNoIDColumn      = "no_id_column"
	CodeDuplicateColumn = "duplicate_column"
)

// Error says what is wrong with a file. It holds nothing that stands in a row
// of the file, so it may be logged and shown.
type Error struct {
	// Code is one of the codes above.
	Code string
	// Message tells the user in a sentence what is wrong and what to do.
	Message string
	// Err is the cause, nil where the file itself is.
	Err error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("workbook: %s: %v", e.Code, e.Err)
	}
	return fmt.Sprintf("workbook: %s: %s", e.Code, e.Message)
}

func (e *Error) Unwrap() error { return e.Err }

func fault(code, message string, cause error) *Error {
	return &Error{Code: code, Message: message, Err: cause}
}
