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

// Postponement is the error of a handler that has to wait although nothing
// failed. It does not count as an attempt.
type Postponement struct {
	Until time.Time
	// Reason and Message go into the fact paused, when the stage has one.
	Reason, Message string
	// Quota goes into the fact paused; nil when the quota is not the reason.
	Quota *events.Quota
	// ETA is when the stage will be done after the wait; zero when nobody
	// knows.
	ETA time.Time
	// Err is the cause; nil when there is none.
	Err error
}

// Postpone returns a Postponement until the given time. Err may be nil.
func Postpone(until time.Time, reason, message string, err error) *Postponement {
	return &Postponement{Until: until, Reason: reason, Message: message, Err: err}
}

func (p *Postponement) Error() string {
	if p.Err != nil {
		return fmt.Sprintf("%s: %v", p.Reason, p.Err)
	}
	return p.Reason
}

// Unwrap returns the cause.
func (p *Postponement) Unwrap() error { return p.Err }

// The causes with which the runner cancels the context of a handler.
var (
	// ErrCancelled means that a user cancelled the job; the log has the fact.
	ErrCancelled = errors.New("job cancelled")
	// ErrShutdown means that the process stops; the message is handed back.
	ErrShutdown = errors.New("shutting down")
	// ErrLeaseLost means that the server no longer reserves the message for this
	// worker; another one may have it already.
	ErrLeaseLost = errors.New("message lease lost")
)

// panicError is a panic of a handler.
type panicError struct {
	value any
	stack []byte
}

// Error leaves the value out, because the panic of a parser may quote a cell.
func (p *panicError) Error() string { return fmt.Sprintf("panic of type %T", p.value) }
