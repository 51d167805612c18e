package events

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// MaxClockSkew is how far the clock of a process may be from that of NATS before an
// operator should mend it. Nothing breaks then: what processes decide together, they
// decide by the time of NATS.
const MaxClockSkew = 5 * time.Second

// AskTime returns the present time of NATS.
type AskTime func(context.Context) (time.Time, error)

// StreamTime asks the server that leads a stream. The user must be allowed to ask for
// the stream's state.
func StreamTime(js jetstream.JetStream, stream string) AskTime {
	return func(ctx context.Context) (time.Time, error) {
		s, err := js.Stream(ctx, stream)
		if err != nil {
			return time.Time{}, fmt.Errorf("ask for the time: %w", err)
		}
		return checkTime(s.CachedInfo())
	}
}

// BucketTime asks the server that leads a bucket.
func BucketTime(kv jetstream.KeyValue) AskTime {
	return func(ctx context.Context) (time.Time, error) {
		status, err := kv.Status(ctx)
		if err != nil {
			return time.Time{}, fmt.Errorf("ask for the time: %w", err)
		}
		bucket, ok := status.(*jetstream.KeyValueBucketStatus)
		if !ok {
			return time.Time{}, fmt.Errorf("ask for the time: unexpected status %T", status)
		}
		return checkTime(bucket.StreamInfo())
	}
}

// ConsumerTime asks the server that leads a durable consumer of the stream of facts. Its
// user may always do so.
func ConsumerTime(js jetstream.JetStream, durable string) AskTime {
	return func(ctx context.Context) (time.Time, error) {
		c, err := js.Consumer(ctx, StreamFacts, durable)
		if err != nil {
			return time.Time{}, fmt.Errorf("ask for the time: %w", err)
		}
		if at := c.CachedInfo().TimeStamp; !at.IsZero() {
			return at, nil
		}
		return time.Time{}, errors.New("ask for the time: the server does not say it")
	}
}

func checkTime(info *jetstream.StreamInfo) (time.Time, error) {
	if info == nil || info.TimeStamp.IsZero() {
		return time.Time{}, errors.New("ask for the time: the server does not say it")
	}
	return info.TimeStamp, nil
}

// WasSetBack reports whether a clock shows a time well before one that it has shown. What
// was to last until a time of then has lasted for an unknown time, so nobody should go on
// waiting for it.
func WasSetBack(now, shown time.Time) bool { return now.Before(shown.Add(-MaxClockSkew)) }

// ClockReading is what the local clock showed beside that of NATS.
type ClockReading struct {
	// Local is what the local clock showed, NATS the time of NATS at that moment.
	Local, NATS time.Time
	// Within is how far NATS may be off: half of the time that the answer took.
	Within time.Duration
}

// Ahead returns how much the local clock is ahead of NATS; negative when it is behind.
func (r ClockReading) Ahead() time.Duration { return r.Local.Round(0).Sub(r.NATS) }

// Wrong reports whether the local clock is off by more than MaxClockSkew, whatever
// the answer took.
func (r ClockReading) Wrong() bool { return r.Ahead().Abs() > MaxClockSkew+r.Within }

// ReadClock compares a local clock with that of NATS. A nil local means time.Now.
func ReadClock(ctx context.Context, ask AskTime, local func() time.Time) (ClockReading, error) {
	if local == nil {
		local = time.Now
	}
	asked := local()
	at, err := ask(ctx)
	if err != nil {
		return ClockReading{}, err
	}
	half := local().Sub(asked) / 2
	return ClockReading{Local: asked.Add(half), NATS: at.UTC(), Within: half}, nil
}

const (
	// readClockEvery is how long a reading is good. Clocks drift by less than a
	// millisecond meanwhile.
	readClockEvery = 10 * time.Second
	// clockJump is the least jump of the local clock that calls for a new reading.
	clockJump = time.Second
)

// Clock tells the time of NATS, which is the same for all processes. It asks NATS each
// ten seconds at most; in between, the time goes on as the local clock's does. It is
// safe for concurrent use.
type Clock struct {
	ask     AskTime
	local   func() time.Time
	rereads bool // the local clock is that of the machine, and is read again

	asking  sync.Mutex // held by the one that asks
	mu      sync.Mutex
	reading ClockReading
	readAt  time.Time // of the process itself, whatever local shows
}

// NewClock returns a clock that has not asked yet. A nil local means time.Now. Another
// one may run faster than time does, as in tests; so its difference from NATS is read
// once and stays.
func NewClock(ask AskTime, local func() time.Time) *Clock {
	if local == nil {
		return &Clock{ask: ask, local: time.Now, rereads: true}
	}
	return &Clock{ask: ask, local: local}
}

// Now returns the time of NATS. It is that of the local clock until NATS has answered
// once, see Sync.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.local()
	if c.reading.NATS.IsZero() {
		return now
	}
	return c.reading.NATS.Add(now.Sub(c.reading.Local))
}

// Sync asks NATS if that is due. The error is that of the first question only: later
// ones without an answer leave the clock as it goes.
func (c *Clock) Sync(ctx context.Context) error {
	if !c.isDue() {
		return nil
	}
	c.asking.Lock()
	defer c.asking.Unlock()
	if !c.isDue() {
		return nil // another one has asked meanwhile
	}
	if err := c.read(ctx); err != nil && c.Reading().NATS.IsZero() {
		return fmt.Errorf("read the clock of NATS: %w", err)
	}
	return nil
}

// Read asks NATS, whether that is due or not.
func (c *Clock) Read(ctx context.Context) (ClockReading, error) {
	c.asking.Lock()
	defer c.asking.Unlock()
	if err := c.read(ctx); err != nil {
		return ClockReading{}, fmt.Errorf("read the clock of NATS: %w", err)
	}
	return c.Reading(), nil
}

// read is for the one that holds asking.
func (c *Clock) read(ctx context.Context) error {
	r, err := ReadClock(ctx, c.ask, c.local)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading, c.readAt = r, time.Now()
	return nil
}

// ToNATS returns the time of NATS when the local clock shows the given time.
func (c *Clock) ToNATS(local time.Time) time.Time {
	r := c.Reading()
	if r.NATS.IsZero() || local.IsZero() {
		return local
	}
	return r.NATS.Add(local.Sub(r.Local)).UTC()
}

// ToLocal returns what the local clock shows at the given time of NATS.
func (c *Clock) ToLocal(nats time.Time) time.Time {
	r := c.Reading()
	if r.NATS.IsZero() || nats.IsZero() {
		return nats
	}
	return r.Local.Add(nats.Sub(r.NATS)).Round(0).UTC()
}

// Reading returns the last reading; the zero one before the first.
func (c *Clock) Reading() ClockReading {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reading
}

// isDue reports whether the last reading is old, or the local clock has jumped since:
// then what it shows and how much time has passed do not agree.
func (c *Clock) isDue() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reading.NATS.IsZero() {
		return true
	}
	if !c.rereads {
		return false
	}
	if time.Since(c.readAt) > readClockEvery {
		return true
	}
	now := c.local()
	jump := now.Round(0).Sub(c.reading.Local.Round(0)) - now.Sub(c.reading.Local)
	return jump.Abs() > clockJump
}
