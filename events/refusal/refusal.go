// Package refusal is the one error that a user sees. Whoever refuses something,
// over REST, WebSocket or Socket.IO, returns an *Error: a stable code for
// programs and a sentence for people. The table in codes.go says which HTTP
// status and which close code belong to a code.
package refusal

import (
	"errors"
	"time"

	"rollcall.example/events"
)

// Error is a refusal. Code, Message and Details go to the user; none of them
// holds an ID number, a token or anything else that stands in a row of a file.
type Error struct {
	// Code is stable, in snake_case; clients decide by it. Those of the table
	// are the constants of this package.
	Code string
	// Message is a sentence for the user: what is wrong and what to do.
	Message string
	// Details are what a program may want to know beside the code; nil is none.
	Details map[string]any
	// RetryAfter is how long to wait before it makes sense to try again; 0 means
	// that nobody knows.
	RetryAfter time.Duration
	// Err is the cause, for the log only; nil where there is none.
	Err error
}

// New returns a refusal without details.
func New(code, message string) *Error { return &Error{Code: code, Message: message} }

// Error names the code and the cause. It leaves the message to the user.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Code + ": " + e.Err.Error()
	}
	return e.Code
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// NotFound is the refusal for a job that does not exist and for somebody else's:
// nobody learns which ids there are.
func NotFound() *Error { return New(CodeNotFound, "There is no such job.") }

// From returns the refusal that err holds. It makes one of what the log says: no
// room (storage_full, whatever else err is), no such job (not_found). Anything
// else is unavailable, a fault on our side. It returns nil for nil.
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
