package rows

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"rollcall.example/events"
)

const (
	// keepTime is how long an index that nobody reads is kept in this process. A person
	// who is erased is in none that is opened afterwards, and in none at all after it.
	keepTime = 5 * time.Minute
	// keepMost and keepBytes bound the indexes that are kept: local files without a name.
	keepMost  = 32
	keepBytes = 256 << 20
)

// Reader opens the indexes of jobs and keeps those that are in use. It is safe for
// concurrent use.
type Reader struct {
	store  *events.Store
	logger *slog.Logger
	// keep is keepTime, but for tests.
	keep time.Duration

	mu   sync.Mutex
	kept map[string]*kept // by what they are made of
}

// kept is an index in use, or one that is being opened.
type kept struct {
	jobID  string
	opened chan struct{} // closed once index or err is set
	index  *Index
	err    error
	// Under the reader's lock: how many read it, when one last did, whether it is no
	// longer in the map, and what forgets it.
	readers int
	used    time.Time
	gone    bool
	timer   *time.Timer
}

// NewReader returns a reader of the artifacts in store. A nil logger discards.
func NewReader(store *events.Store, logger *slog.Logger) *Reader {
	return &Reader{store: store, logger: events.Logger(logger), keep: keepTime, kept: map[string]*kept{}}
}

// keyOf names what the index of a job is made of. The job is validated.
func keyOf(job *events.Job) string {
	var key strings.Builder
	fmt.Fprintf(&key, "%s %t", job.ID, job.MayWait())
	for _, a := range Sources(job) {
		fmt.Fprintf(&key, " %s %s", a.Name, a.SHA256)
	}
	return key.String()
}

// Kept reports whether the index of a job is open, or stored: then Open costs little.
func (r *Reader) Kept(job *events.Job) bool {
	if storedIndex(job) != nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept[keyOf(job)] != nil
}

func storedIndex(job *events.Job) *events.Artifact {
	if job.Reported == nil || job.Reported.Index == nil || job.Removed(*job.Reported.Index) != nil {
		return nil
	}
	return job.Reported.Index
}

// Open returns the index of a job as it stands, which is validated: the one that the
// report stage has stored, or one that it makes. Call done when it is no longer read.
// The error wraps events.ErrMissing or events.ErrAltered where an artifact is damaged.
func (r *Reader) Open(ctx context.Context, job *events.Job) (x *Index, done func(), err error) {
	key := keyOf(job)
	for {
		k, mine := r.enter(key, job.ID)
		if mine {
			k.index, k.err = r.load(ctx, job)
			close(k.opened)
		} else {
			select {
			case <-k.opened:
			case <-ctx.Done():
				r.leave(key, k)
				return nil, nil, ctx.Err()
			}
		}
		if k.err == nil {
			r.bound()
			return k.index, sync.OnceFunc(func() { r.leave(key, k) }), nil
		}
		r.forget(key, k)
		r.leave(key, k)
		// Whoever was opening it has left: somebody else may go on.
		if mine || ctx.Err() != nil || !errors.Is(k.err, context.Canceled) && !errors.Is(k.err, context.DeadlineExceeded) {
			return nil, nil, k.err
		}
	}
}

// enter counts a reader of an index. Mine is true for the one who is to open it.
func (r *Reader) enter(key, jobID string) (k *kept, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k = r.kept[key]; k == nil {
		mine = true
		for other, old := range r.kept {
			if old.jobID == jobID { // made of what the job no longer is
				r.drop(other, old)
			}
		}
		k = &kept{jobID: jobID, opened: make(chan struct{})}
		r.kept[key] = k
	}
	k.readers++
	k.used = time.Now()
	if k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
	return k, mine
}

// leave ends a reading. The last one of an index that is kept starts its time.
func (r *Reader) leave(key string, k *kept) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k.readers--
	switch {
	case k.readers > 0:
	case k.gone:
		k.close()
	default:
		k.timer = time.AfterFunc(r.keep, func() { r.forgetIdle(key, k) })
	}
}

func (r *Reader) forget(key string, k *kept) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(key, k)
}

func (r *Reader) forgetIdle(key string, k *kept) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k.readers == 0 {
		r.drop(key, k)
	}
}

// drop takes an index out of the map and closes it once nobody reads it. The caller
// holds mu.
func (r *Reader) drop(key string, k *kept) {
	if k.gone {
		return
	}
	k.gone = true
	if r.kept[key] == k {
		delete(r.kept, key)
	}
	if k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
	if k.readers == 0 {
		k.close()
	}
}

// close removes the file. Nobody reads it any more.
func (k *kept) close() {
	if k.index != nil {
		_ = k.index.close() // a local copy
		k.index = nil
	}
}

// bound drops indexes that nobody reads, those first that were read the longest ago,
// until few enough are kept.
func (r *Reader) bound() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var bytes int64
		oldest, key := (*kept)(nil), ""
		for at, k := range r.kept {
			select {
			case <-k.opened:
			default:
				continue // its size is not known yet
			}
			if k.index != nil {
				bytes += k.index.size
			}
			if k.readers == 0 && (oldest == nil || k.used.Before(oldest.used)) {
				oldest, key = k, at
			}
		}
		if oldest == nil || len(r.kept) <= keepMost && bytes <= keepBytes {
			return
		}
		r.drop(key, oldest)
	}
}

// Close forgets all indexes. Those that are being read are closed after that.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, k := range r.kept {
		r.drop(key, k)
	}
}

// load opens the index of a job.
func (r *Reader) load(ctx context.Context, job *events.Job) (*Index, error) {
	if stored := storedIndex(job); stored != nil {
		x, err := r.fetch(ctx, *stored)
		if err == nil {
			return x, nil
		}
		if !errors.Is(err, events.ErrMissing) && !errors.Is(err, events.ErrAltered) && !errors.Is(err, errIndex) {
			return nil, err
		}
		r.logger.WarnContext(ctx, "stored index of rows is missing or damaged; making it again", "job", job.ID, "err", err)
	}
	return build(ctx, r.store, job)
}

func (r *Reader) fetch(ctx context.Context, a events.Artifact) (x *Index, err error) {
	var file *os.File
	if file, err = r.store.Fetch(ctx, a); err != nil {
		return nil, err
	}
	if x, err = open(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return x, nil
}
