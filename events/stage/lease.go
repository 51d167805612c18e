package stage

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
)

// keepLease renews the server's patience with a message every third of AckWait,
// until ctx ends. The server must have agreed: when it has not for the whole of
// AckWait, the message may be with another worker already, and lost is called.
// Each renewal also asks whether the job was cancelled, for the live word of it
// is sent at most once.
func (r *Runner) keepLease(ctx context.Context, d events.Delivery, cancelled func(context.Context) bool, cancel context.CancelCauseFunc) {
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

// watchCancelled calls the cancel function of a job at work when its cancelled
// fact is stored.
func (r *Runner) watchCancelled() (*nats.Subscription, error) {
	nc := r.Log.JetStream().Conn()
	return nc.Subscribe(events.LivePrefix+events.Subject("*", events.KindCancelled), func(m *nats.Msg) {
		jobID, _, err := events.ParseSubject(m.Subject)
		if err != nil {
			return
		}
		if cancel, ok := r.atWork.Load(jobID); ok {
			(*cancel.(*context.CancelCauseFunc))(ErrCancelled)
		}
	})
}
