package webhook

import (
	"context"
	"fmt"
	"time"

	"rollcall.example/events"
)

const (
	insertTimeout = 5 * time.Second
	// prefetch is small enough that all messages can be handled within the consumer's
	// AckWait, even if each of them waits for a database that does not answer.
	prefetch = 8
)

// enqueue inserts a delivery for each event and webhook, and then acknowledges the
// event.
func (s *Service) enqueue(ctx context.Context) error {
	opts := events.ConsumeOptions{Prefetch: prefetch, Logger: s.cfg.Logger}
	return events.Consume(ctx, s.cfg.JetStream, events.ConsumerWebhook, opts, s.insertDeliveries)
}

// insertDeliveries inserts a delivery for each webhook that wants the event. An event
// that is delivered again finds its deliveries there.
func (s *Service) insertDeliveries(ctx context.Context, e events.Delivery) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), insertTimeout)
	defer cancel()
	res, err := s.cfg.DB.ExecContext(ctx, `INSERT INTO webhook_deliveries (webhook_id, seq, job_id, kind)
SELECT id, $1, $2, $3 FROM webhooks
WHERE disabled_at IS NULL AND $3 = ANY (kinds) AND (job_id = $2 OR job_id IS NULL AND owner_id = $4)
ON CONFLICT DO NOTHING`, int64(e.Seq), e.JobID, string(e.Kind), e.Owner)
	if err != nil {
		return fmt.Errorf("insert deliveries: %w", err)
	}
	if n, err := res.RowsAffected(); err == nil && n > 0 {
		s.wakeUp()
	}
	return nil
}
