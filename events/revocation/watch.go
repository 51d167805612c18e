package revocation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

const (
	// DefaultInterval is how often the bucket is looked at.
	DefaultInterval = time.Second
	// DefaultMaxAge is for how long what was read last is relied on.
	DefaultMaxAge = time.Minute
)

// What Check says about a token.
var (
	// ErrRevoked means that the token is no longer good.
	ErrRevoked = errors.New("token is revoked")
	// ErrUnknown means that nobody knows: the bucket could not be read for MaxAge.
	ErrUnknown = errors.New("revocations are not known")
)

// Config says how the bucket is watched. The zero value of a time means the default that
// the field names.
type Config struct {
	// JetStream needs permission to publish to $JS.API.DIRECT.GET.KV_REVOCATIONS, and no
	// other. Required.
	JetStream jetstream.JetStream
	// Interval is how often the bucket is looked at; 0 means DefaultInterval.
	Interval time.Duration
	// MaxAge is for how long what was read last is relied on; 0 means DefaultMaxAge.
	MaxAge time.Duration
	// Logger is told when the bucket cannot be read; nil discards that.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Watch knows which tokens are revoked. It asks the server for the newest entry again and
// again, for of messages that are sent out some may get lost. It is safe for concurrent
// use.
type Watch struct {
	cfg Config

	mu      sync.RWMutex
	entries map[string]stored // by subject
	newest  position
	read    time.Time // when the bucket was read last
	changed []func()
}

// stored is the newest message of a key.
type stored struct {
	Entry
	removed bool
	at      time.Time // when it was stored
}

// position is where the bucket ended. The time tells a bucket that was made anew.
type position struct {
	seq uint64
	at  time.Time
}

// Open reads the bucket and returns a watch, which Run keeps up to date. It fails when the
// bucket cannot be read: nobody may act as if nothing were revoked.
func Open(ctx context.Context, cfg Config) (*Watch, error) {
	cfg.Interval = cmp.Or(cfg.Interval, DefaultInterval)
	cfg.MaxAge = cmp.Or(cfg.MaxAge, DefaultMaxAge)
	cfg.Logger = events.Logger(cfg.Logger)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	w := &Watch{cfg: cfg, entries: map[string]stored{}}
	if err := w.poll(ctx); err != nil {
		return nil, fmt.Errorf("read revocations: %w", err)
	}
	return w, nil
}

// Run keeps the watch up to date until ctx ends. It returns nil.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(w.cfg.Interval)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := w.poll(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			w.cfg.Logger.WarnContext(ctx, "cannot read revocations, trying again; soon no token is accepted",
				"within", w.cfg.MaxAge, "err", err)
		case err == nil && failing:
			w.cfg.Logger.InfoContext(ctx, "revocations can be read again")
		}
		failing = err != nil
	}
}

// poll reads the whole bucket if it does not end where it ended before. That costs one
// request, nearly always.
func (w *Watch) poll(ctx context.Context) error {
	seq, at, err := events.ReadNewest(ctx, w.cfg.JetStream, stream, filter)
	if err != nil {
		return err
	}
	here := position{seq, at}
	w.mu.RLock()
	same := !w.read.IsZero() && here.seq == w.newest.seq && here.at.Equal(w.newest.at)
	w.mu.RUnlock()
	var found map[string]stored
	if !same && seq > 0 {
		if found, err = w.readAll(ctx); err != nil {
			return err
		}
	}
	if w.merge(found, here) {
		for _, f := range w.listeners() {
			f()
		}
	}
	return nil
}

func (w *Watch) readAll(ctx context.Context) (map[string]stored, error) {
	found := map[string]stored{}
	for m, err := range events.Messages(ctx, w.cfg.JetStream, stream, filter, 1) {
		if err != nil {
			return nil, err
		}
		s := stored{removed: isRemoved(m), at: m.Time}
		if !s.removed {
			if err := json.Unmarshal(m.Data, &s.Entry); err != nil || s.At.IsZero() {
				// Somebody wanted it revoked, and it is not clear since when.
				s.Entry = Entry{At: m.Time}
				w.cfg.Logger.WarnContext(ctx, "revocation is no entry; it counts from when it was stored",
					"seq", m.Sequence, "err", err)
			}
		}
		found[m.Subject] = s
	}
	return found, nil
}

// merge takes over what was read, and reports whether there is a new entry. An entry that
// was not found stays: a replica that lags does not have it yet.
func (w *Watch) merge(found map[string]stored, newest position) (changed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cfg.Now()
	for subject, s := range found {
		if old, ok := w.entries[subject]; ok && !s.at.After(old.at) {
			continue
		}
		w.entries[subject] = s
		changed = changed || !s.removed
	}
	for subject, s := range w.entries {
		if s.removed && now.Sub(s.at) > removalTTL || !s.removed && s.ended(now) {
			delete(w.entries, subject)
		}
	}
	w.newest, w.read = newest, now
	return changed
}

// OnChange has f called after each change that revokes something. f must not wait.
func (w *Watch) OnChange(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = append(w.changed, f)
}

func (w *Watch) listeners() []func() {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.changed
}

// Ready returns ErrUnknown when the bucket could not be read for too long, else nil.
func (w *Watch) Ready() error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.ready()
}

func (w *Watch) ready() error {
	if age := w.cfg.Now().Sub(w.read); age > w.cfg.MaxAge {
		return fmt.Errorf("%w: not read for %s", ErrUnknown, age.Round(time.Second))
	}
	return nil
}

// Check returns ErrRevoked for a token that is no longer good, and ErrUnknown when nobody
// knows. issued is zero for a token that does not say when it was issued, tokenID is "" for
// one without an id.
func (w *Watch) Check(userID, tokenID string, issued time.Time) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if err := w.ready(); err != nil {
		return err
	}
	if tokenID != "" {
		if _, revoked := w.find("token", tokenID); revoked {
			return ErrRevoked
		}
	}
	// Tokens tell the second in which they were issued, and nothing finer.
	if e, revoked := w.find("user", userID); revoked && (issued.IsZero() || issued.Unix() <= e.At.Unix()) {
		return ErrRevoked
	}
	return nil
}

func (w *Watch) find(kind, id string) (e Entry, revoked bool) {
	if len(w.entries) == 0 {
		return e, false // nearly always, and no hash is needed
	}
	s, ok := w.entries[subject(kind, id)]
	return s.Entry, ok && !s.removed && !s.ended(w.cfg.Now())
}
