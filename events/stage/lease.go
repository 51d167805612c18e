package stage

import (
	"context"
	"time"

	"rollcall.example/events"
)

// keepLease renews the lease of a message every third of AckWait until ctx
// ends. When the server has not agreed for a whole AckWait, another worker may
// have the message already, so it calls cancel with ErrLeaseLost.
func (r *Runner) keepLease(ctx context.Context, d events.Delivery, cancel context.CancelCauseFunc) {
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
		}
		stop()
		if time.Since(agreed) >= r.ackWait() {
			cancel(ErrLeaseLost)
			return
		}
	}
}
