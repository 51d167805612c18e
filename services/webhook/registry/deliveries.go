package registry

import (
	"context"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
)

// Delivery is one event for one webhook, or a test, with the result of the last attempt.
type Delivery struct {
	// JobID and Seq are nil of a test.
	JobID     *string     `db:"job_id" json:"job_id"`
	Kind      events.Kind `db:"kind" json:"event"` // events.KindWebhookTest for a test
	Seq       *int64      `db:"seq" json:"seq"`
	State     string      `db:"state" json:"state"` // pending, delivered or failed
	Attempts  int         `db:"attempts" json:"attempts"`
	Status    *int        `db:"status" json:"status"` // of HTTP; nil without an answer
	Error     *string     `db:"error" json:"error"`
	NextAt    *time.Time  `db:"next_at" json:"next_attempt_at"` // nil unless pending
	CreatedAt time.Time   `db:"created_at" json:"created_at"`
	UpdatedAt time.Time   `db:"updated_at" json:"updated_at"`
}

// deliveryColumns leaves a test without the numbers that it has in the table. A delivery
// of a receiver that fails waits for the next probe.
const deliveryColumns = `CASE WHEN d.kind <> 'test' THEN d.job_id END AS job_id, d.kind,
  CASE WHEN d.kind <> 'test' THEN d.seq END AS seq, d.state, d.attempts, d.status, d.error,
  CASE WHEN d.state <> 'pending' THEN NULL WHEN d.kind = 'test' THEN d.due_at
    ELSE greatest(d.due_at, w.probe_at) END AS next_at, d.created_at, d.updated_at`

func (d *Delivery) setUTC() { postgres.SetUTC(&d.CreatedAt, &d.UpdatedAt, d.NextAt) }

// Deliveries returns the newest deliveries of a user's webhook, newest first.
func (r *Registry) Deliveries(ctx context.Context, ownerID, id string) ([]Delivery, error) {
	id = postgres.CleanText(id)
	if err := r.mustOwn(ctx, ownerID, id); err != nil {
		return nil, err
	}
	list := []Delivery{}
	err := r.cfg.DB.SelectContext(ctx, &list, `SELECT `+deliveryColumns+`
FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id WHERE d.webhook_id = $1
ORDER BY d.created_at DESC, d.seq DESC LIMIT $2`, id, maxDeliveries)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	for i := range list {
		list[i].setUTC()
	}
	return list, nil
}

// mustOwn refuses unless the user has the webhook.
func (r *Registry) mustOwn(ctx context.Context, ownerID, id string) error {
	var known bool
	err := r.cfg.DB.GetContext(ctx, &known, `SELECT EXISTS (SELECT FROM webhooks WHERE id = $1 AND owner_id = $2)`,
		id, postgres.CleanText(ownerID))
	if err != nil {
		return fmt.Errorf("look for webhook: %w", err)
	}
	if !known {
		return errNoWebhook()
	}
	return nil
}

// Test asks for a test of a user's webhook: one attempt, soon, also where the receiver
// fails or the webhook is disabled. While one is pending, that one is returned.
func (r *Registry) Test(ctx context.Context, ownerID, id string) (test Delivery, err error) {
	id = postgres.CleanText(id)
	if err := r.mustOwn(ctx, ownerID, id); err != nil {
		return Delivery{}, err
	}
	// Facts have positive sequences.
	seq := -r.cfg.Now().Unix()
	if _, err := r.cfg.DB.ExecContext(ctx, `INSERT INTO webhook_deliveries (webhook_id, seq, job_id, kind)
SELECT $1, $2, '', 'test' WHERE NOT EXISTS (
  SELECT FROM webhook_deliveries WHERE webhook_id = $1 AND kind = 'test' AND state = 'pending')
ON CONFLICT DO NOTHING`, id, seq); err != nil {
		return Delivery{}, fmt.Errorf("test webhook: %w", err)
	}
	if err := r.cfg.DB.GetContext(ctx, &test, `SELECT `+deliveryColumns+`
FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id WHERE d.webhook_id = $1 AND d.kind = 'test'
ORDER BY d.state = 'pending' DESC, d.seq LIMIT 1`, id); err != nil {
		return Delivery{}, fmt.Errorf("test webhook: %w", err)
	}
	test.setUTC()
	return test, nil
}
