package persistence

import (
	"errors"
	"time"

	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/events/stage"
)

const (
	shortestWait = 2 * time.Second
	longestWait  = time.Minute
)

// isUnavailable reports whether the database itself is the cause of an error, and
// not the statement: it cannot be reached, starts or stops, is read-only after a
// failover, or has no connection or disk space left.
func isUnavailable(err error) bool {
	if p, ok := errors.AsType[*pq.Error](err); ok {
		switch p.Code.Class() {
		case "08", "53": // connection exceptions; insufficient resources
			return true
		}
		switch p.Code {
		case "57P01", "57P02", "57P03", "25006": // shutdown, crash, not ready; read-only
			return true
		}
		return false
	}
	_, lost := errors.AsType[*connectionError](err)
	return lost
}

// postpone lets the job wait for the database, half as long as it has waited
// already. A restart hardly delays it, and a long outage causes few attempts.
func (s *Service) postpone(job *events.Job, err error) error {
	now := s.now()
	wait := min(max(now.Sub(job.Verified.At)/2, shortestWait), longestWait)
	return stage.Postpone(now.Add(wait), events.PauseDatabase,
		"The database cannot be reached at the moment. The job goes on by itself.", err)
}
