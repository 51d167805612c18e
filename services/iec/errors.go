package iec

import (
	"errors"
	"fmt"
	"time"
)

// ErrCredentials says that the API refuses our user name or password.
var ErrCredentials = errors.New("iec credentials refused")

// RateLimitedError says that the API itself has had enough of us.
type RateLimitedError struct {
	// RetryAfter is 0 when the API did not say.
	RetryAfter time.Duration
}

func (e *RateLimitedError) Error() string {
	return fmt.Sprintf("iec: too many calls, asked to wait %s", e.RetryAfter)
}

// UnavailableError says that no answer came, or none of the API's own.
type UnavailableError struct {
	// Status is the HTTP status, 0 if there was none.
	Status int
	// RetryAfter is 0 when the API did not say.
	RetryAfter time.Duration
	Err        error
}

func (e *UnavailableError) Error() string {
	switch {
	case e.Err == nil:
		return fmt.Sprintf("iec unavailable: status %d", e.Status)
	case e.Status == 0:
		return fmt.Sprintf("iec unavailable: %v", e.Err)
	}
	return fmt.Sprintf("iec unavailable: status %d: %v", e.Status, e.Err)
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// MalformedError says that the API's answer about this one person cannot be
// used: it is JSON with the contract's names, but not what they stand for.
type MalformedError struct{ Err error }

func (e *MalformedError) Error() string { return fmt.Sprintf("iec answer cannot be used: %v", e.Err) }

func (e *MalformedError) Unwrap() error { return e.Err }

// RowError says that the API refuses to speak of this one person.
type RowError struct{ Status int }

func (e *RowError) Error() string { return fmt.Sprintf("iec refused the row: status %d", e.Status) }
