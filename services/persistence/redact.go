package persistence

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/lib/pq"
)

// databaseError is an error of PostgreSQL without the values that its message
// may quote. Errors end in logs, and a value may be an ID number.
type databaseError struct{ err *pq.Error }

func (e *databaseError) Error() string {
	text := fmt.Sprintf("postgres %s (%s)", e.err.Code.Name(), e.err.Code)
	if e.err.Constraint != "" {
		text += " on " + e.err.Constraint
	}
	return text
}

func (e *databaseError) Unwrap() error { return e.err }

// connectionError says that there is no connection to the database.
type connectionError struct{ err error }

func (e *connectionError) Error() string { return "no connection to the database: " + e.err.Error() }

func (e *connectionError) Unwrap() error { return e.err }

// redact returns an error of database/sql without values of rows in its text. It
// marks a lost connection, which isUnavailable recognises.
func redact(err error) error {
	if p, ok := errors.AsType[*pq.Error](err); ok {
		return &databaseError{p}
	}
	if isConnectionLost(err) {
		return &connectionError{err}
	}
	return err
}

// isConnectionLost is for errors of database/sql only. An io.EOF, for instance,
// means something else when an artifact is read.
func isConnectionLost(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	for _, lost := range []error{driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, lost) {
			return true
		}
	}
	_, network := errors.AsType[net.Error](err)
	return network
}
