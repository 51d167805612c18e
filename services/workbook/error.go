// Package workbook reads uploaded .xlsx files: it refuses what is none, yields
// the rows of its sheets, and finds the sheet and the columns of a roll. It
// trusts nothing in a file.
package workbook

import "fmt"

// The codes of an Error. They are stable: clients decide by them.
const (
	CodeEmptyFile       = "empty_file"
	CodeXLS             = "xls_not_supported"
	CodeNotAZip         = "not_a_zip"
	CodeNotAWorkbook    = "not_a_workbook"
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
	// Stack is where the reading library panicked, nil where it did not.
	Stack []byte
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
