package stage

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
)

// watchCancelled subscribes to the facts cancelled and makes each such job's
// attempt look at the log. Nothing that the live subject says is believed:
// whoever makes the server answer a request there can forge it.
func (r *Runner) watchCancelled() (*nats.Subscription, error) {
	nc := r.Log.JetStream().Conn()
	return nc.Subscribe(events.LivePrefix+events.Subject("*", events.KindCancelled), func(m *nats.Msg) {
		jobID, _, err := events.ParseSubject(m.Subject)
		if err != nil {
			return
		}
		if heard, ok := r.running.Load(jobID); ok {
			select {
			case heard.(chan struct{}) <- struct{}{}:
			default: // it is about to look
			}
		}
	})
}

// The live subject may be faster than a replica of the stream. So an attempt that
// hears of a cancellation looks several times, waiting twice as long each time.
const (
	firstLook = 20 * time.Millisecond
	lastLook  = time.Second
)

// lookEvery is how often an attempt looks without having heard anything: a message on
// the live subject may get lost.
const lookEvery = time.Second

// lookForCancelled looks at the log each time something is heard, and once a second,
// and calls cancel with ErrCancelled when the job was cancelled or has moved on.
func lookForCancelled(
	ctx context.Context, log *events.Log, job events.Job, heard <-chan struct{}, cancel context.CancelCauseFunc,
) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if hasMovedOn(ctx, log, &job) {
				cancel(ErrCancelled)
				return
			}
			continue
		case <-heard:
		}
		for wait := firstLook; wait <= lastLook; wait *= 2 {
			if hasMovedOn(ctx, log, &job) {
				cancel(ErrCancelled)
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
	}
}

// hasMovedOn reports whether the log says that the job was cancelled, or that it
// no longer needs the work that it needed when it was loaded.
func hasMovedOn(ctx context.Context, log *events.Log, job *events.Job) bool {
	now, err := log.Load(ctx, job.ID)
	return err == nil && now.Seq >= job.Seq && (now.Cancelled != nil || now.Asks() != job.Asks())
}

// settleCancelled settles the message of an attempt that was stopped because its
// job was cancelled. It looks at the log again: a job that was acknowledged and
// not cancelled would wait for ever.
func (w *Work) settleCancelled(ctx context.Context) error {
	r := w.runner
	settled, err := r.reload(ctx, &w.Job)
	if settled != nil {
		return settled
	}
	r.logger().WarnContext(ctx, "cancellation not found in the log, trying again", "job", w.Job.ID, "err", err)
	return events.Redeliver(time.Second, err)
}
