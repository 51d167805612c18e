package webhook

import (
	"context"
	"fmt"
	"time"

	"rollcall.example/events"
)

const (
	enqueueTime = 5 * time.Second
	// prefetch is few enough that all can be handled within the consumer's
	// AckWait, even when each waits for a database that does not answer.
	prefetch = 8
)

// enqueue notes for each event of the stream who has to be told, and only then
// acknowledges it.
func (s *Service) enqueue(ctx context.Context) error {
	opts := events.ConsumeOptions{Prefetch: prefetch, Logger: s.cfg.Logger}
	return events.Consume(ctx, s.cfg.JetStream, events.ConsumerWebhook, opts, s.noteDeliveries)
}

// noteDeliveries stores a delivery for each webhook that wants the event. An event
// that comes again finds its deliveries.
func (s *Service) noteDeliveries(ctx context.Context, e events.Delivery) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), enqueueTime)
	defer cancel()
	done, err := s.cfg.DB.ExecContext(ctx, `INSERT INTO webhook_deliveries (webhook_id, seq, job_id, kind)
SELECT id, $1, $2, $3 FROM webhooks
WHERE disabled_at IS NULL AND $3 = ANY (kinds) AND (job_id = $2 OR job_id IS NULL AND owner_id = $4)
ON CONFLICT DO NOTHING`, int64(e.Seq), e.JobID, string(e.Kind), e.Owner)
	if err != nil {
		return fmt.Errorf("note deliveries: %w", err)
	}
	if n, err := done.RowsAffected(); err == nil && n > 0 {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return nil
}
