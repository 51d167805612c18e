package iec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

const (
	// outageKey is the key of the quota's bucket that says that the IEC answers nobody.
	outageKey = "outage"
	// suspicious is how many calls in a row without an answer raise the question whether
	// the IEC answers anybody, and fewestPeople how many people they must be about.
	suspicious   = 10
	fewestPeople = 3
	// probeTime is how long the others wait for the one call that tries again.
	probeTime = 30 * time.Second
	// answerIsFresh is how long an answer shows that the API works.
	answerIsFresh = 5 * time.Second
	// outageReadEvery is how long a process relies on what it has read of an outage.
	outageReadEvery = time.Second
	maxTried        = 16
	// longestOutageWait is the longest wait until the next try.
	longestOutageWait = time.Hour
)

// Outage is what all replicas know of an IEC that answers nobody. Its times are those
// of NATS.
type Outage struct {
	// Reason is one of the reasons of events.Paused, and Status the HTTP status that
	// shows it, 0 for none.
	Reason string    `json:"reason"`
	Status int       `json:"status,omitempty"`
	Since  time.Time `json:"since"`
	// Until is when one call may try again.
	Until time.Time `json:"until"`
	// ProbeUntil and ProbeBy say that a job is trying; zero while none is.
	ProbeUntil time.Time `json:"probe_until,omitzero"`
	ProbeBy    string    `json:"probe_by,omitempty"`
	// Tried are whom the latest tries were about, so that the next one is about another
	// person. They are hashes.
	Tried []string `json:"tried,omitempty"`
}

// forbids reports whether no call may be made yet. A time that is too far away comes from
// a clock that was set back since.
func (o *Outage) forbids(now time.Time) bool {
	return now.Before(o.Until) && !events.WasSetBack(now, o.Until.Add(-longestOutageWait))
}

// isProbing reports whether a job is trying.
func (o *Outage) isProbing(now time.Time) bool {
	return now.Before(o.ProbeUntil) && !events.WasSetBack(now, o.ProbeUntil.Add(-probeTime))
}

// outageError means that the IEC answers nobody.
type outageError struct{ Outage }

func (e *outageError) Error() string {
	return fmt.Sprintf("the iec answers nobody (%s, status %d) since %s", e.Reason, e.Status,
		e.Since.Format(time.RFC3339))
}

// errTriedInVain means that an outage ends with a call about somebody else.
var errTriedInVain = errors.New("asked in vain during the outage")

// breaker stops the calls of all replicas while the IEC answers nobody. When the wait
// is over one call tries again, and the others wait for its answer.
type breaker struct {
	kv    jetstream.KeyValue
	clock *events.Clock
	wait  time.Duration

	checking sync.Mutex // held by the one that finds out whether the API works

	mu       sync.Mutex
	outage   *Outage // nil: none is known
	revision uint64
	readAt   time.Time
	failures int                 // calls without an answer since the last answer
	people   map[string]struct{} // whom they were about, hashed
	answered time.Time           // when the last answer came
	control  string              // the ID number of somebody who was answered
}

func newBreaker(kv jetstream.KeyValue, clock *events.Clock, wait time.Duration) *breaker {
	return &breaker{kv: kv, clock: clock, wait: wait, people: map[string]struct{}{}}
}

// readOutage returns the outage that the bucket knows, nil for none.
func readOutage(ctx context.Context, kv jetstream.KeyValue) (*Outage, uint64, error) {
	entry, err := kv.Get(ctx, outageKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read outage of the iec: %w", err)
	}
	o := &Outage{}
	if err := json.Unmarshal(entry.Value(), o); err != nil {
		return nil, 0, fmt.Errorf("read outage of the iec: %w", err)
	}
	return o, entry.Revision(), nil
}

// refresh reads the outage again unless that was done a moment ago.
func (b *breaker) refresh(ctx context.Context, now bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !now && time.Since(b.readAt) < outageReadEvery {
		return nil
	}
	o, rev, err := readOutage(ctx, b.kv)
	if err != nil {
		return err
	}
	b.outage, b.revision, b.readAt = o, rev, time.Now()
	return nil
}

// current returns a copy of the outage, nil for none.
func (b *breaker) current() *Outage {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.outage == nil {
		return nil
	}
	o := *b.outage
	return &o
}

// enter allows calls about a person, whose hash is key. During an outage it is an
// *outageError, or nil with probe set for the one job that tries whether it is over. The
// other calls of that job wait for the answer.
func (b *breaker) enter(ctx context.Context, job, key string) (probe bool, err error) {
	for fresh := false; ; {
		if err := errors.Join(b.refresh(ctx, fresh), b.clock.Sync(ctx)); err != nil {
			return false, err
		}
		o := b.current()
		now := b.clock.Now()
		switch {
		case o == nil:
			return false, nil
		case o.forbids(now):
			return false, &outageError{*o}
		case o.isProbing(now) && o.ProbeBy == job:
			select { // the probe of this very job
			case <-ctx.Done():
				return false, fmt.Errorf("wait for the iec: %w", context.Cause(ctx))
			case <-time.After(claimWait):
			}
			continue
		case o.isProbing(now):
			o.Until = now.Add(min(b.wait, probeTime))
			return false, &outageError{*o}
		case slices.Contains(o.Tried, key):
			return false, errTriedInVain
		}
		o.ProbeUntil, o.ProbeBy = now.Add(probeTime), job
		ok, err := b.replace(ctx, o)
		if err != nil || ok {
			return ok, err
		}
		fresh = true // another one was first
	}
}

// replace stores an outage in place of the known one. Ok is false when another
// replica was first.
func (b *breaker) replace(ctx context.Context, o *Outage) (ok bool, err error) {
	value, err := json.Marshal(o)
	if err != nil {
		return false, fmt.Errorf("write outage of the iec: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var rev uint64
	if b.revision == 0 {
		rev, err = b.kv.Create(ctx, outageKey, value)
	} else {
		rev, err = b.kv.Update(ctx, outageKey, value, b.revision)
	}
	if isConflict(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("write outage of the iec: %w", err)
	}
	b.outage, b.revision, b.readAt = o, rev, time.Now()
	return true, nil
}

// noteAnswer says that the IEC answered about a person: no outage is left.
func (b *breaker) noteAnswer(ctx context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures, b.answered, b.control = 0, time.Now(), id
	clear(b.people)
	if b.outage == nil {
		return nil
	}
	err := b.kv.Delete(ctx, outageKey, jetstream.LastRevision(b.revision))
	if err != nil && !isConflict(err) {
		return fmt.Errorf("end outage of the iec: %w", err)
	}
	b.outage, b.revision = nil, 0
	return nil
}

// noteFailure says that a call about a person had no answer.
func (b *breaker) noteFailure(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	b.people[key] = struct{}{}
}

// noteControl keeps somebody whom the IEC has answered about, if nobody is known.
func (b *breaker) noteControl(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.control == "" {
		b.control = id
	}
}

// knownControl returns the ID number of somebody whom the IEC has answered about; "" for
// nobody.
func (b *breaker) knownControl() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.control
}

// isSuspicious reports whether so many calls had no answer that the IEC may answer
// nobody.
func (b *breaker) isSuspicious() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures >= suspicious && len(b.people) >= fewestPeople
}

// answersSince reports whether the IEC has answered since, or just before.
func (b *breaker) answersSince(since time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.answered.IsZero() && b.answered.After(since.Add(-answerIsFresh))
}

// begin says that the IEC answers nobody, for the reason of the error cause. It is an
// outage for all jobs where that was seen with several people, or is sure; else for this
// job alone. It returns the *outageError.
func (b *breaker) begin(ctx context.Context, cause error, sure bool) error {
	now := b.clock.Now()
	o := describeOutage(cause, now, b.wait)
	b.mu.Lock()
	for key := range b.people {
		o.Tried = append(o.Tried, key)
	}
	sure = sure || len(b.people) >= fewestPeople
	b.mu.Unlock()
	for range maxTried { // replicas that find out at once
		if !sure && b.current() == nil {
			break
		}
		if known := b.current(); known != nil {
			o.Since = known.Since
			o.Tried = append(known.Tried, o.Tried...)
		}
		slices.Sort(o.Tried)
		o.Tried = slices.Compact(o.Tried)
		o.Tried = o.Tried[:min(len(o.Tried), maxTried)]
		ok, err := b.replace(ctx, o)
		if err != nil {
			return err
		}
		if ok {
			break
		}
		if err := b.refresh(ctx, true); err != nil {
			return err
		}
		if known := b.current(); known != nil && known.forbids(now) {
			o = known
			break
		}
	}
	b.mu.Lock()
	b.failures = 0
	clear(b.people)
	b.mu.Unlock()
	return &outageError{*o}
}

// endProbe says that the call that was to try was not made.
func (b *breaker) endProbe(ctx context.Context) error {
	o := b.current()
	if o == nil || o.ProbeBy == "" {
		return nil
	}
	o.ProbeUntil, o.ProbeBy = time.Time{}, ""
	_, err := b.replace(ctx, o) // a conflict: another one has gone on
	return err
}

// tryOthers puts a try off whose people were all asked in vain. Other jobs may try at
// once; the next try may be about anybody.
func (b *breaker) tryOthers(ctx context.Context) error {
	o := b.current()
	if o == nil {
		o = &Outage{Reason: events.PauseUnavailable, Since: b.clock.Now()}
	} else {
		o.Tried = nil
		if _, err := b.replace(ctx, o); err != nil { // a conflict: another one is trying
			return err
		}
	}
	o.Until = b.clock.Now().Add(b.wait)
	return &outageError{*o}
}

// describeOutage returns the outage that an error shows.
func describeOutage(err error, now time.Time, wait time.Duration) *Outage {
	o := &Outage{Reason: events.PauseUnavailable, Since: now}
	var limited *RateLimitedError
	var down *UnavailableError
	var refused *RowError
	var malformed *MalformedError
	switch {
	case errors.As(err, &limited):
		o.Reason, o.Status = events.PauseRateLimited, 429
		wait = boundWait(limited.RetryAfter, wait)
	case errors.As(err, &refused):
		o.Reason, o.Status = events.PauseRefused, refused.Status
	case errors.As(err, &malformed):
		o.Reason, o.Status = events.PauseRefused, 200
	case errors.Is(err, ErrCredentials):
		o.Reason, o.Status = events.PauseRefused, 401
	case errors.As(err, &down):
		o.Status = down.Status
		if down.Status > 0 && down.Status < 500 {
			o.Reason = events.PauseRefused // the page of a firewall, or of a proxy
		}
		wait = boundWait(down.RetryAfter, wait)
	}
	o.Until = now.Add(wait)
	return o
}
