// Package refusal is the one error that a user sees. Whoever refuses something
// over REST, WebSocket or Socket.IO returns an *Error: a stable code for
// programs and a sentence for people. The table in codes.go gives the HTTP
// status and the close code of each code.
package refusal

import (
	"errors"
	"time"

	"rollcall.example/events"
)

// Error is a refusal. The user sees Code, Message and Details. None of them may
// hold an ID number, a token, or anything else from a row of a file.
type Error struct {
	// Code is stable, in snake_case. Clients decide by it. The constants of
	// this package are the codes of the table.
	Code string
	// Message is a sentence for the user: what is wrong and what to do.
	Message string
	// Details are further values for programs; nil means none.
	Details map[string]any
	// RetryAfter is how long to wait before another try makes sense; 0 means
	// that nobody knows.
	RetryAfter time.Duration
	// Err is the cause, for the log only; nil when there is none.
	Err error
}

// New returns a refusal without details.
func New(code, message string) *Error { return &Error{Code: code, Message: message} }

// Error returns the code and the cause, without the message for the user.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Code + ": " + e.Err.Error()
	}
	return e.Code
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// NotFound returns the refusal for a job that does not exist. It is the same
// for another user's job, so that nobody learns which ids exist.
func NotFound() *Error { return New(CodeNotFound, "There is no such job.") }

// ErrForeign is the cause of a refusal for a job that exists.
var ErrForeign = errors.New("the job is hidden from the user")

// Foreign is NotFound for a job that exists and that the user may not see. The user
// cannot tell the two apart; the security log can.
func Foreign() *Error {
	e := NotFound()
	e.Err = ErrForeign
	return e
}

// OldDryRun refuses to commit a dry run of a version that kept nothing with which
// the members could be compared.
func OldDryRun() *Error {
	return New(CodeDryRunTooOld, "This dry run was made before dry runs could be committed. "+
		"Please upload the file again.")
}

// From returns the refusal that err wraps. Full storage is always
// CodeStorageFull, whatever err wraps, and events.ErrNotFound is CodeNotFound.
// Any other error is CodeUnavailable, a fault on our side. From returns nil for
// nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if events.StorageFull(err) {
		return &Error{Code: CodeStorageFull, Err: err, Message: "There is no room to store more at the moment. " +
			"Please tell whoever runs this service, and try again later."}
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, events.ErrNotFound) {
		return NotFound()
	}
	return &Error{Code: CodeUnavailable, Err: err,
		Message: "The service cannot do this at the moment. Please try again soon."}
}
