package app

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"rollcall.example/events"
)

const (
	readClockEvery = 30 * time.Second
	readClockTime  = 10 * time.Second
	// sayClockEvery is how often the log repeats that the clock is wrong.
	sayClockEvery = time.Hour
)

// clockWatch compares the clock of this machine with that of NATS. What processes decide
// together they decide by NATS's; the end of tokens and the century of an ID number are
// judged by their own.
type clockWatch struct {
	ask   events.AskTime
	every time.Duration
	log   *slog.Logger
	last  atomic.Pointer[events.ClockReading]
}

// watchClock has the clock measured, logged and counted, once for the process.
func watchClock(a *App, ask events.AskTime) {
	if a.clock != nil {
		return
	}
	a.clock = &clockWatch{ask: ask, every: readClockEvery, log: a.logger}
	a.metrics.CollectClock(a.clock.ahead)
	a.run = append(a.run, a.clock.run)
}

// ahead returns how far the clock was ahead of NATS's when it was read last.
func (c *clockWatch) ahead() (d time.Duration, known bool) {
	r := c.last.Load()
	if r == nil {
		return 0, false
	}
	return r.Ahead(), true
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
	r, err := events.ReadClock(ctx, c.ask, nil)
	if err != nil {
		return said
	}
	c.last.Store(&r)
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
