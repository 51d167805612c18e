package stage

import (
	"time"

	"rollcall.example/events"
)

const (
	shortestRoom = 2 * time.Second
	longestRoom  = time.Minute
)

// roomAgain is when to look for room again: after half as long as the job has
// waited already.
func (r *Runner) roomWait(job *events.Job) time.Duration {
	if r.Backoff != nil {
		return r.Backoff(1)
	}
	return min(max(r.now().Sub(job.UpdatedAt)/2, shortestRoom), longestRoom)
}

// full tells, where it can be told, that the work waits for room. That is no fact:
// it would need room itself, once for each time that somebody looks.
func (r *Runner) reportStorageError(w *Work) {
	p := w.latestProgress()
	p.Message = "There is no room to store more at the moment. The job goes on by itself."
	w.storeProgress(p)
}

// roomKnown is for how long it counts that there was no room: a job whose turn it
// is looks again in less.
const roomKnown = 5 * time.Minute

type noRoom struct {
	err error
	at  time.Time
}

// Room is the error with which the stage last found no room to store what it had;
// nil once a fact was stored again, or when nobody has looked for five minutes.
func (r *Runner) StorageError() error {
	if no := r.noRoom.Load(); no != nil && r.now().Sub(no.at) < roomKnown {
		return no.err
	}
	return nil
}

func (r *Runner) noteRoom(err error) {
	switch {
	case err == nil:
		r.noRoom.Store(nil)
	case events.StorageFull(err):
		r.noRoom.Store(&noRoom{err, r.now()})
	}
}
