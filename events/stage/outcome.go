package stage

import (
	"errors"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// Rejection is the error of a handler that says: another attempt would end the
// same way. The job fails with the refusal's code and message.
type Rejection struct {
	Refusal *refusal.Error
	// Retryable says that a retry may succeed once something outside of the file
	// is repaired.
	Retryable bool
}

// Reject returns a Rejection that no retry can help. Code is stable, in
// snake_case; message is a sentence that tells the user what to do. Err is the
// cause, for the log only, and may be nil.
func Reject(code, message string, err error) *Rejection {
	return RejectWith(&refusal.Error{Code: code, Message: message, Err: err})
}

// RejectWith returns a Rejection with a refusal that is there already. No retry
// can help.
func RejectWith(e *refusal.Error) *Rejection { return &Rejection{Refusal: e} }

func (r *Rejection) Error() string { return r.Refusal.Error() }

// Unwrap returns the refusal, which wraps the cause.
func (r *Rejection) Unwrap() error { return r.Refusal }

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
