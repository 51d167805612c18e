package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"rollcall.example/events"
)

const (
	// claimTime is for one statement.
	claimTime = 5 * time.Second
	// spare is how much longer than an attempt takes a worker is waited for.
	spare      = 30 * time.Second
	sweepEvery = time.Hour
)

// delivery is one that is due.
type delivery struct {
	WebhookID string `db:"webhook_id"`
	Seq       int64  `db:"seq"`
	JobID     string `db:"job_id"`
	Kind      string `db:"kind"`
	Attempts  int    `db:"attempts"`
	URL       string `db:"url"`
	Secret    string `db:"secret"`
}

// deliver makes the attempts that are due, until ctx ends; those under way then
// are seen through.
func (s *Service) deliver(ctx context.Context) error {
	var working sync.WaitGroup
	defer working.Wait()
	free := make(chan struct{}, s.cfg.Concurrency)
	for range s.cfg.Concurrency {
		free <- struct{}{}
	}
	tick := time.NewTicker(s.cfg.Poll)
	defer tick.Stop()
	swept := time.Time{}
	for {
		if now := time.Now(); now.Sub(swept) > sweepEvery {
			swept = now
			s.sweep(ctx)
		}
		due, err := s.claim(ctx, len(free))
		if err != nil && ctx.Err() == nil {
			s.cfg.Logger.Warn("what is due is not known", "err", err)
		}
		for _, d := range due {
			<-free // there are as many as were asked for
			working.Go(func() {
				defer func() { free <- struct{}{}; s.look() }()
				s.attempt(ctx, d)
			})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		case <-tick.C:
		}
	}
}

// look has the table looked at again soon.
func (s *Service) look() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// claim takes at most n deliveries that are due, the oldest of each webhook that
// has none under way: one slow receiver takes one place. It comes again when the
// worker dies.
func (s *Service) claim(ctx context.Context, n int) (due []delivery, err error) {
	if n == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, claimTime)
	defer cancel()
	err = s.cfg.DB.SelectContext(ctx, &due, `WITH oldest AS (
  SELECT DISTINCT ON (d.webhook_id) d.webhook_id, d.seq, d.due_at
  FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id AND w.disabled_at IS NULL
  WHERE d.state = 'pending' AND d.due_at <= now()
    AND NOT EXISTS (SELECT FROM webhook_deliveries o WHERE o.webhook_id = d.webhook_id AND o.state = 'pending' AND o.taken AND o.due_at > now())
  ORDER BY d.webhook_id, d.seq
), next AS (SELECT webhook_id, seq FROM oldest ORDER BY due_at LIMIT $1)
UPDATE webhook_deliveries d SET taken = true, due_at = now() + $2 * interval '1 second'
FROM next JOIN webhooks w ON w.id = next.webhook_id
WHERE d.webhook_id = next.webhook_id AND d.seq = next.seq AND d.state = 'pending' AND d.due_at <= now()
RETURNING d.webhook_id, d.seq, d.job_id, d.kind, d.attempts, w.url, w.secret`, n, (s.cfg.Timeout + spare).Seconds())
	return due, err
}

// attempt posts a delivery and writes down how that went.
func (s *Service) attempt(ctx context.Context, d delivery) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Timeout+spare/2)
	defer cancel()
	event, err := s.event(ctx, d)
	status := 0
	if err == nil {
		status, err = s.traced(ctx, d, event)
	}
	log := s.cfg.Logger.With("webhook", d.WebhookID, "job", d.JobID, "seq", d.Seq, "attempt", d.Attempts+1, "status", status)
	if err != nil {
		log.Info("not delivered", "err", err)
	} else {
		log.Debug("delivered")
	}
	if err := s.settled(ctx, d, status, err); err != nil {
		// It is tried again once its time is up.
		log.Warn("delivery not written down", "err", err)
	}
}

// traced posts a delivery within a span, which names neither the URL nor the user.
func (s *Service) traced(ctx context.Context, d delivery, event *jetstream.RawStreamMsg) (status int, err error) {
	ctx, span := s.cfg.Tracer.Start(events.WithTrace(ctx, event.Header.Get(events.HeaderTrace)), "webhook "+d.Kind, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", http.MethodPost), attribute.Int("http.request.resend_count", d.Attempts),
			attribute.String(events.AttrJob, d.JobID), attribute.String("rollcall.webhook", d.WebhookID)))
	defer func() { events.EndSpan(span, err) }()
	status, err = s.post(ctx, d, event)
	if status != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
	}
	return status, err
}

// settled writes down an attempt, and disables a webhook that is gone or has
// failed too often in a row.
func (s *Service) settled(ctx context.Context, d delivery, status int, failed error) (err error) {
	tx, err := s.cfg.DB.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if rerr := tx.Rollback(); !errors.Is(rerr, sql.ErrTxDone) {
			err = errors.Join(err, rerr)
		}
	}()
	code := sql.NullInt32{Int32: int32(status), Valid: status != 0}
	if failed == nil {
		if _, err := tx.ExecContext(ctx, `UPDATE webhooks SET failures = 0 WHERE id = $1 AND failures <> 0`, d.WebhookID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE webhook_deliveries SET state = 'delivered', attempts = attempts + 1, taken = false,
  status = $3, error = NULL, updated_at = now() WHERE webhook_id = $1 AND seq = $2 AND state = 'pending'`, d.WebhookID, d.Seq, code); err != nil {
			return err
		}
		return tx.Commit()
	}
	state, wait := "failed", time.Duration(0)
	if d.Attempts < len(s.cfg.Waits) && !errors.Is(failed, errGone) && !errors.Is(failed, errNoEvent) {
		state, wait = "pending", s.cfg.Waits[d.Attempts]
		wait += rand.N(wait/10 + 1)
		var later *laterError
		if errors.As(failed, &later) {
			wait = max(wait, later.after)
		}
	}
	// The webhook first, as whoever deletes one does.
	var failures int
	if err := tx.GetContext(ctx, &failures, `UPDATE webhooks SET failures = failures + 1 WHERE id = $1 RETURNING failures`, d.WebhookID); errors.Is(err, sql.ErrNoRows) {
		return nil // deleted meanwhile, and its deliveries with it
	} else if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE webhook_deliveries SET state = $3, attempts = attempts + 1, taken = false, status = $4, error = $5,
  due_at = now() + $6 * interval '1 second', updated_at = now() WHERE webhook_id = $1 AND seq = $2 AND state = 'pending'`,
		d.WebhookID, d.Seq, state, code, failed.Error(), wait.Seconds()); err != nil {
		return err
	}
	switch {
	case errors.Is(failed, errGone):
		err = s.disable(ctx, tx, d.WebhookID, errGone.Error())
	case failures >= s.cfg.MaxFailures:
		err = s.disable(ctx, tx, d.WebhookID, fmt.Sprintf("%d attempts in a row have failed", failures))
	}
	if err != nil {
		return err
	}
	return tx.Commit()
}

func (s *Service) disable(ctx context.Context, tx *sqlx.Tx, id, reason string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE webhooks SET disabled_at = now(), disabled_reason = $2 WHERE id = $1 AND disabled_at IS NULL`, id, reason); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE webhook_deliveries SET state = 'failed', taken = false, error = 'the webhook was disabled', updated_at = now()
WHERE webhook_id = $1 AND state = 'pending'`, id)
	if err == nil {
		s.cfg.Logger.Warn("webhook disabled", "webhook", id, "reason", reason)
	}
	return err
}

// sweep forgets deliveries of long ago.
func (s *Service) sweep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, claimTime)
	defer cancel()
	if _, err := s.cfg.DB.ExecContext(ctx, `DELETE FROM webhook_deliveries WHERE state <> 'pending' AND updated_at < now() - $1 * interval '1 second'`, kept.Seconds()); err != nil {
		s.cfg.Logger.Warn("old deliveries not forgotten yet", "err", err)
	}
}
