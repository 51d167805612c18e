package stage

import (
	"time"

	"rollcall.example/events"
)

const (
	minStorageWait = 2 * time.Second
	maxStorageWait = time.Minute
)

// storageWait returns how long to wait for room: half of the time that the job
// has waited already.
func (r *Runner) storageWait(job *events.Job) time.Duration {
	if r.Backoff != nil {
		return r.Backoff(1)
	}
	return min(max(r.now().Sub(job.UpdatedAt)/2, minStorageWait), maxStorageWait)
}

// reportStorageFull tells the user, if progress can be stored, that the job
// waits for room. A fact would itself need room, one for each try.
func (r *Runner) reportStorageFull(w *Work) {
	p := w.latestProgress()
	p.Message = "There is no room to store more at the moment. The job goes on by itself."
	w.storeProgress(p)
}

// storageErrorTTL is how long a full storage is reported. A waiting job tries
// more often than that.
const storageErrorTTL = 5 * time.Minute

// storageFull is an error that says so, and when it occurred.
type storageFull struct {
	err error
	at  time.Time
}

// StorageError returns the error with which the stage last found the storage
// full. It returns nil once the stage has stored a fact again, or has not tried
// for five minutes.
func (r *Runner) StorageError() error {
	if full := r.storageFull.Load(); full != nil && r.now().Sub(full.at) < storageErrorTTL {
		return full.err
	}
	return nil
}

// noteStorage remembers for StorageError what became of an append.
func (r *Runner) noteStorage(err error) {
	switch {
	case err == nil:
		r.storageFull.Store(nil)
	case events.StorageFull(err):
		r.storageFull.Store(&storageFull{err, r.now()})
	}
}
