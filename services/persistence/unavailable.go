package persistence

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"time"

	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/events/stage"
)

const (
	shortestWait = 2 * time.Second
	longestWait  = time.Minute
)

// lostError is that of a connection to the database, or of there being none.
type lostError struct{ err error }

func (e *lostError) Error() string { return "no connection to the database: " + e.err.Error() }

func (e *lostError) Unwrap() error { return e.err }

// lost is asked about errors of database/sql only: elsewhere the same ones mean
// other things.
func lost(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &network)
}

// unavailable says whether an error is the database's being away, and not what it
// was asked to do: it cannot be reached, is starting or stopping, is read only
// after a failover, has no room for another connection, or no disk.
func unavailable(err error) bool {
	if p, ok := errors.AsType[*pq.Error](err); ok {
		switch p.Code.Class() {
		case "08", "53": // connection exceptions; insufficient resources
			return true
		}
		switch p.Code {
		case "57P01", "57P02", "57P03", "25006": // shutdown, crash, not ready; read only
			return true
		}
		return false
	}
	_, away := errors.AsType[*lostError](err)
	return away
}

// later waits for the database, for half as long as the job has waited already: a
// restart is hardly noticed, and an outage of hours is no storm of attempts.
func (s *Service) later(job *events.Job, err error) error {
	now := s.now()
	wait := min(max(now.Sub(job.Verified.At)/2, shortestWait), longestWait)
	return stage.Later(now.Add(wait), events.PauseDatabase,
		"The database cannot be reached at the moment. The job goes on by itself.", err)
}
