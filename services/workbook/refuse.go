package workbook

import (
	"errors"

	"rollcall.example/events/refusal"
)

// refuse returns the refusal of a file. The cause is nil where the file itself is
// at fault.
func refuse(code, message string, cause error) *refusal.Error {
	return &refusal.Error{Code: code, Message: message, Err: cause}
}

// unreadable refuses a file that cannot be read. It passes on a refusal that cause
// already holds.
func unreadable(cause error) error {
	if known, ok := errors.AsType[*refusal.Error](cause); ok {
		return known
	}
	return refuse(refusal.CodeUnreadable, "The workbook cannot be read. Open it in a spreadsheet program, "+
		"save it as a new .xlsx file and upload that.", cause)
}
