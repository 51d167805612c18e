package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

const (
	enqueueTime = 5 * time.Second
	again       = time.Second
	newerAgain  = 10 * time.Second
	// prefetch is few enough that all can be settled within the consumer's
	// AckWait, even when each waits for a database that does not answer.
	prefetch = 8
)

// enqueue notes for each event of the stream who has to be told, and only then
// acknowledges it.
func (s *Service) enqueue(ctx context.Context) error {
	return events.Consume(ctx, s.cfg.JetStream, events.ConsumerWebhook, prefetch, s.cfg.Logger, s.take)
}

func (s *Service) take(ctx context.Context, msg jetstream.Msg) error {
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("message without metadata: %w", err)
	}
	e, err := events.Decode(msg.Subject(), msg.Headers(), msg.Data(), meta.Sequence.Stream)
	if errors.Is(err, events.ErrNewer) {
		s.cfg.Logger.Warn("message left to a newer rollcall", "subject", msg.Subject(), "seq", meta.Sequence.Stream, "err", err)
		return msg.NakWithDelay(newerAgain)
	}
	if err != nil {
		s.cfg.Logger.Error("message refused", "subject", msg.Subject(), "seq", meta.Sequence.Stream, "err", err)
		return msg.TermWithReason("disbelieved")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), enqueueTime)
	defer cancel()
	// An event that comes again finds its deliveries.
	done, err := s.cfg.DB.ExecContext(ctx, `INSERT INTO webhook_deliveries (webhook_id, seq, job_id, kind)
SELECT id, $1, $2, $3 FROM webhooks
WHERE disabled_at IS NULL AND $3 = ANY (kinds) AND (job_id = $2 OR job_id IS NULL AND owner_id = $4)
ON CONFLICT DO NOTHING`, int64(e.Seq), e.JobID, string(e.Kind), e.Owner)
	if err != nil {
		s.cfg.Logger.Warn("deliveries not noted yet", "job", e.JobID, "seq", e.Seq, "err", err)
		return msg.NakWithDelay(again)
	}
	if n, err := done.RowsAffected(); err == nil && n > 0 {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return msg.DoubleAck(ctx)
}
