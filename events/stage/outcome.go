package stage

import (
	"errors"
	"fmt"
	"time"

	"rollcall.example/events"
)

// Rejection is a handler's word that another attempt would end the same way:
// the job fails with its code and message.
type Rejection struct {
	// Code is stable, in snake_case.
	Code string
	// Message tells the user in a sentence what to do.
	Message string
	// Retryable: once something outside the file is mended, a retry may succeed.
	Retryable bool
	Err       error
}

// Reject makes a Rejection. Err may be nil.
func Reject(code, message string, err error) *Rejection {
	return &Rejection{Code: code, Message: message, Err: err}
}

func (r *Rejection) Error() string {
	if r.Err != nil {
		return fmt.Sprintf("%s: %v", r.Code, r.Err)
	}
	return r.Code
}

func (r *Rejection) Unwrap() error { return r.Err }

// Postponement is a handler's word that nothing is wrong but that the work must
// wait. It is no failure and does not count as an attempt.
type Postponement struct {
	Until time.Time
	// Reason and Message go into the fact paused, where the stage has one.
	Reason, Message string
	Quota           *events.Quota
	// ETA is when the stage will be done all the same; zero if not known.
	ETA time.Time
	Err error
}

// Postpone returns a Postponement until that time. Err may be nil.
func Postpone(until time.Time, reason, message string, err error) *Postponement {
	return &Postponement{Until: until, Reason: reason, Message: message, Err: err}
}

func (p *Postponement) Error() string {
	if p.Err != nil {
		return fmt.Sprintf("%s: %v", p.Reason, p.Err)
	}
	return p.Reason
}

func (p *Postponement) Unwrap() error { return p.Err }

// Causes with which the runner ends a handler's context.
var (
	// ErrCancelled: the user cancelled the job; the fact is in the log.
	ErrCancelled = errors.New("job cancelled")
	// ErrShutdown: the process is stopping; the message is handed back.
	ErrShutdown = errors.New("shutting down")
	// ErrLeaseLost: the server no longer holds the message for this worker,
	// and another may have it already.
	ErrLeaseLost = errors.New("message lease lost")
)

// panicError is a panic that a handler's code did not catch.
type panicError struct {
	value any
	stack []byte
}

// The value is left out of the text: a parser's panic may quote a cell.
func (p *panicError) Error() string { return fmt.Sprintf("panic of type %T", p.value) }
