package stage

import (
	"cmp"
	"log/slog"
	"math/rand/v2"
	"time"

	"rollcall.example/events"
)

func (r *Runner) logger() *slog.Logger {
	return events.Logger(r.Logger).With("stage", string(r.Stage))
}

func (r *Runner) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

func (r *Runner) ackWait() time.Duration { return cmp.Or(r.AckWait, events.AckWait) }

func (r *Runner) backoff(failures int) time.Duration {
	if r.Backoff != nil {
		return r.Backoff(failures)
	}
	d := min(time.Second<<min(failures-1, 6), time.Minute)
	return d/2 + rand.N(d)
}
