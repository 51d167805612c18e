package iec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// ErrCredentials means that the API refuses our user name or password.
var ErrCredentials = errors.New("iec credentials refused")

// RateLimitedError means that the API itself limits our calls.
type RateLimitedError struct {
	// RetryAfter is how long the API asks us to wait; 0 if it does not say.
	RetryAfter time.Duration
}

func (e *RateLimitedError) Error() string {
	return fmt.Sprintf("iec: too many calls, asked to wait %s", e.RetryAfter)
}

// UnavailableError means that no answer came, or one that is not the API's.
type UnavailableError struct {
	// Status is the HTTP status, 0 if there is none.
	Status int
	// RetryAfter is how long the API asks us to wait; 0 if it does not say.
	RetryAfter time.Duration
	// Unsent says that the call never reached the API: no connection was made.
	Unsent bool
	Err    error
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

// tokenError means that no token was to be had, so nobody can be asked about.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return e.err.Error() }

func (e *tokenError) Unwrap() error { return e.err }

func isToken(err error) bool {
	_, ok := errors.AsType[*tokenError](err)
	return ok
}

// MalformedError means that the API's answer about this one person cannot be used:
// it is JSON with the contract's names, but not with the contract's values.
type MalformedError struct{ Err error }

func (e *MalformedError) Error() string { return fmt.Sprintf("iec answer cannot be used: %v", e.Err) }

func (e *MalformedError) Unwrap() error { return e.Err }

// RowError means that the API refuses to answer about this one person.
type RowError struct{ Status int }

func (e *RowError) Error() string { return fmt.Sprintf("iec refused the row: status %d", e.Status) }

// describeFailure returns the error of a call without an answer. The messages of
// net/http may quote the URL, which holds the ID number, or bytes from the wire, so
// only errors that are known to quote neither are kept. If ctx has ended, its error
// is returned: that is no failure of the API.
func describeFailure(ctx context.Context, status int, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("iec: %w", context.Cause(ctx))
	}
	var timeout net.Error
	var op *net.OpError
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		err = errors.New("no answer in time")
	case errors.As(err, &op):
		err = op
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("connection closed before the answer was complete")
	default:
		err = errors.New("answer is not HTTP, or the connection cannot be made")
	}
	return &UnavailableError{Status: status, Err: err}
}
