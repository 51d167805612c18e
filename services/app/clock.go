package app

import (
	"context"
	"log/slog"
	"time"

	"rollcall.example/events"
)

const (
	readClockEvery = 30 * time.Second
	readClockTime  = 10 * time.Second
	// sayClockEvery is how often the log repeats that the clock is wrong.
	sayClockEvery = time.Hour
)

// clockWatch compares the clock of this machine with that of NATS. What is kept, and what
// decides how long something waits or is kept, is by NATS's; the end of tokens is judged
// by this machine's.
type clockWatch struct {
	clock *events.Clock // nil until needsTime
	every time.Duration
	log   *slog.Logger
}

// needsTime waits until NATS has told the time, and has the clock of this machine
// measured, logged and counted, once for the process.
func needsTime(ctx context.Context, a *App, ask events.AskTime) error {
	if a.clock.clock != nil {
		return nil
	}
	clock := events.NewClock(ask, nil)
	err := a.door.ask(ctx, "the time of nats", func(ctx context.Context) error { return migratable(clock.Sync(ctx)) })
	if err != nil {
		return err
	}
	a.clock.clock = clock
	a.metrics.CollectClock(a.clock.ahead)
	a.run = append(a.run, a.clock.run)
	return nil
}

// now is the time of NATS, however the clock of this machine jumps. The services get it
// before needsTime has read it, and use it afterwards.
func (c *clockWatch) now() time.Time {
	if c.clock == nil {
		return time.Now()
	}
	return c.clock.Now()
}

// ahead returns how far the clock was ahead of NATS's when it was read last.
func (c *clockWatch) ahead() (d time.Duration, known bool) {
	r := c.clock.Reading()
	return r.Ahead(), !r.NATS.IsZero()
}

func (c *clockWatch) run(ctx context.Context) error {
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	var said time.Time // that it is wrong; zero while it is right
	for {
		said = c.read(ctx, said)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// read reads the clock and returns when it was last said to be wrong. Without an answer
// nothing is known anew: that NATS is away is said elsewhere.
func (c *clockWatch) read(ctx context.Context, said time.Time) time.Time {
	ctx, cancel := context.WithTimeout(ctx, readClockTime)
	defer cancel()
	r, err := c.clock.Read(ctx)
	if err != nil {
		return said
	}
	switch {
	case r.Wrong() && time.Since(said) >= sayClockEvery:
		c.log.WarnContext(ctx, "the clock of this machine is not that of NATS: have both set by NTP",
			"ahead", r.Ahead().Round(time.Millisecond))
		return time.Now()
	case !r.Wrong() && !said.IsZero():
		c.log.InfoContext(ctx, "the clock of this machine is that of NATS again")
		return time.Time{}
	}
	return said
}
