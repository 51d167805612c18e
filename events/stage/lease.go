package stage

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
)

// keepLease renews the lease of a message every third of AckWait until ctx
// ends. When the server has not agreed for a whole AckWait, another worker may
// have the message already, so it calls cancel with ErrLeaseLost. With each
// renewal it also asks whether the job was cancelled, because the live message
// about that may get lost.
func (r *Runner) keepLease(
	ctx context.Context, d events.Delivery, cancelled func(context.Context) bool, cancel context.CancelCauseFunc,
) {
	every := r.ackWait() / 3
	tick := time.NewTicker(every)
	defer tick.Stop()
	agreed := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked := time.Now()
		req, stop := context.WithTimeout(ctx, every)
		err := d.Renew(req)
		if err == nil {
			agreed = asked
			if cancelled(req) {
				cancel(ErrCancelled)
			}
		}
		stop()
		if time.Since(agreed) >= r.ackWait() {
			cancel(ErrLeaseLost)
			return
		}
	}
}

// watchCancelled subscribes to the facts cancelled and cancels the handler of
// each such job.
func (r *Runner) watchCancelled() (*nats.Subscription, error) {
	nc := r.Log.JetStream().Conn()
	return nc.Subscribe(events.LivePrefix+events.Subject("*", events.KindCancelled), func(m *nats.Msg) {
		jobID, _, err := events.ParseSubject(m.Subject)
		if err != nil {
			return
		}
		if cancel, ok := r.running.Load(jobID); ok {
			(*cancel.(*context.CancelCauseFunc))(ErrCancelled)
		}
	})
}
