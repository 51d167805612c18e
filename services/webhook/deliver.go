package webhook

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"rollcall.example/events"
)

const (
	claimTimeout = 5 * time.Second
	// claimMargin is how much longer than one attempt a claim lasts.
	claimMargin    = 30 * time.Second
	deleteOldEvery = time.Hour
)

// delivery is a due delivery.
type delivery struct {
	WebhookID string `db:"webhook_id"`
	Seq       int64  `db:"seq"`
	JobID     string `db:"job_id"`
	Kind      string `db:"kind"`
	Attempts  int    `db:"attempts"`
	Strikes   int    `db:"strikes"`
	URL       string `db:"url"`
	Secret    string `db:"secret"`
	// OldSecret is the one before, while it is valid.
	OldSecret *string `db:"old_secret"`
}

// deliver makes due attempts until ctx ends, and then waits for those under way.
func (s *Service) deliver(ctx context.Context) error {
	var working sync.WaitGroup
	defer working.Wait()
	free := make(chan struct{}, s.cfg.Concurrency)
	for range s.cfg.Concurrency {
		free <- struct{}{}
	}
	tick := time.NewTicker(s.cfg.Poll)
	defer tick.Stop()
	deleted := time.Time{}
	for {
		if now := time.Now(); now.Sub(deleted) > deleteOldEvery {
			deleted = now
			s.deleteOld(ctx)
		}
		due, err := s.claimDue(ctx, len(free))
		if err != nil && ctx.Err() == nil {
			s.cfg.Logger.WarnContext(ctx, "cannot read due deliveries", "err", err)
		}
		for _, d := range due {
			<-free // never blocks: claimDue returns at most len(free)
			working.Go(func() {
				defer func() { free <- struct{}{}; s.wakeUp() }()
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

// wakeUp makes deliver look for due deliveries soon.
func (s *Service) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// claimDue claims at most n due deliveries: the oldest of each webhook that has none
// under way, so that a slow receiver takes one place only. Of a receiver that fails it
// claims one when a probe is due, each time the one that was tried least. Tests that
// users asked for wait for nothing. If this process dies, the claim ends and the
// delivery is due again.
func (s *Service) claimDue(ctx context.Context, n int) (due []delivery, err error) {
	if n == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	// waiting are the webhooks with deliveries, one step in the index each.
	err = s.cfg.DB.SelectContext(ctx, &due, `WITH RECURSIVE waiting AS (
  (SELECT webhook_id FROM webhook_deliveries WHERE state = 'pending' ORDER BY webhook_id LIMIT 1)
  UNION ALL
  SELECT (SELECT d.webhook_id FROM webhook_deliveries d
    WHERE d.state = 'pending' AND d.webhook_id > waiting.webhook_id ORDER BY d.webhook_id LIMIT 1)
  FROM waiting WHERE waiting.webhook_id IS NOT NULL
), ready AS (
  SELECT w.id, w.failing_since IS NOT NULL AS failing FROM waiting JOIN webhooks w ON w.id = waiting.webhook_id
  WHERE w.disabled_at IS NULL AND (w.failing_since IS NULL OR w.probe_at <= now()) AND NOT EXISTS (
    SELECT FROM webhook_deliveries o
    WHERE o.webhook_id = w.id AND o.state = 'pending' AND o.taken AND o.due_at > now())
), next AS (
  SELECT d.* FROM ready CROSS JOIN LATERAL (
    SELECT webhook_id, seq, attempts, due_at FROM webhook_deliveries
    WHERE webhook_id = ready.id AND state = 'pending' AND kind <> 'test' AND due_at <= now()
    ORDER BY seq LIMIT 1) d
  WHERE NOT ready.failing
  UNION ALL
  SELECT d.* FROM ready CROSS JOIN LATERAL (
    SELECT webhook_id, seq, attempts, due_at FROM webhook_deliveries
    WHERE webhook_id = ready.id AND state = 'pending' AND kind <> 'test' ORDER BY attempts, seq LIMIT 1) d
  WHERE ready.failing
  UNION ALL
  SELECT webhook_id, seq, attempts, due_at FROM webhook_deliveries
  WHERE state = 'pending' AND kind = 'test' AND due_at <= now()
  ORDER BY due_at LIMIT $1
)
UPDATE webhook_deliveries d SET taken = true, due_at = now() + $2 * interval '1 second'
FROM next JOIN webhooks w ON w.id = next.webhook_id
WHERE d.webhook_id = next.webhook_id AND d.seq = next.seq AND d.state = 'pending'
  AND d.attempts = next.attempts AND (NOT d.taken OR d.due_at <= now())
RETURNING d.webhook_id, d.seq, d.job_id, d.kind, d.attempts, d.strikes, w.url, w.secret,
  CASE WHEN w.old_secret_until > now() THEN w.old_secret END AS old_secret`,
		n, (s.cfg.Timeout + claimMargin).Seconds())
	return due, err
}

// attempt posts a delivery and records the result.
func (s *Service) attempt(ctx context.Context, d delivery) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Timeout+claimMargin/2)
	defer cancel()
	m, err := s.makeMessage(ctx, d)
	status := 0
	if err == nil {
		ctx = events.WithTrace(ctx, m.trace)
		status, err = s.postTraced(ctx, d, m)
	}
	log := s.cfg.Logger.With("webhook", d.WebhookID, "job", d.JobID, "seq", d.Seq,
		"attempt", d.Attempts+1, "status", status)
	if err != nil {
		log.InfoContext(ctx, "webhook delivery failed", "err", err)
	} else {
		log.DebugContext(ctx, "webhook delivered")
	}
	if err := s.recordAttempt(ctx, d, status, err); err != nil {
		// The delivery is due again when the claim ends.
		log.WarnContext(ctx, "cannot record the result of a webhook delivery", "err", err)
	}
}

// postTraced posts a delivery within a span, which has neither the URL nor the user.
func (s *Service) postTraced(ctx context.Context, d delivery, m message) (status int, err error) {
	ctx, span := s.cfg.Tracer.Start(ctx, "webhook "+d.Kind, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(
			attribute.String("http.request.method", http.MethodPost),
			attribute.Int("http.request.resend_count", d.Attempts),
			attribute.String(events.AttrJob, d.JobID),
			attribute.String("rollcall.webhook", d.WebhookID)))
	defer func() { events.EndSpan(span, err) }()
	status, err = s.post(ctx, d, m)
	if status != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
	}
	return status, err
}
