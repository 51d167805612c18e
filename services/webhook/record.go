package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jmoiron/sqlx"
)

// recordAttempt records the result of an attempt. status is that of the answer, 0 for
// none; failed is nil for a success.
func (s *Service) recordAttempt(ctx context.Context, d delivery, status int, failed error) (err error) {
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
		err = recordSuccess(ctx, tx, d, code)
	} else {
		err = s.recordFailure(ctx, tx, d, code, failed)
	}
	if err != nil {
		return err
	}
	return tx.Commit()
}

func recordSuccess(ctx context.Context, tx *sqlx.Tx, d delivery, code sql.NullInt32) error {
	_, err := tx.ExecContext(ctx, `UPDATE webhooks SET failures = 0 WHERE id = $1 AND failures <> 0`, d.WebhookID)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE webhook_deliveries SET state = 'delivered', attempts = attempts + 1,
  taken = false, status = $3, error = NULL, updated_at = now()
WHERE webhook_id = $1 AND seq = $2 AND state = 'pending'`, d.WebhookID, d.Seq, code)
	return err
}

// recordFailure also disables a webhook whose receiver is gone or that has failed too
// often in a row.
func (s *Service) recordFailure(ctx context.Context, tx *sqlx.Tx, d delivery, code sql.NullInt32, failed error) error {
	// It updates the webhook before its deliveries. Deleting a webhook locks in the same
	// order.
	var failures int
	err := tx.GetContext(ctx, &failures,
		`UPDATE webhooks SET failures = failures + 1 WHERE id = $1 RETURNING failures`, d.WebhookID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // the webhook was deleted meanwhile, with its deliveries
	}
	if err != nil {
		return err
	}
	state, wait := "failed", time.Duration(0)
	if retryAfter, ok := s.waitBeforeRetry(d, failed); ok {
		state, wait = "pending", retryAfter
	}
	if _, err := tx.ExecContext(ctx, `UPDATE webhook_deliveries SET state = $3, attempts = attempts + 1,
  taken = false, status = $4, error = $5, due_at = now() + $6 * interval '1 second', updated_at = now()
WHERE webhook_id = $1 AND seq = $2 AND state = 'pending'`,
		d.WebhookID, d.Seq, state, code, tellUser(failed), wait.Seconds()); err != nil {
		return err
	}
	switch {
	case errors.Is(failed, errReceiverGone):
		return s.disableWebhook(ctx, tx, d.WebhookID, errReceiverGone.Error())
	case failures >= s.cfg.MaxFailures:
		return s.disableWebhook(ctx, tx, d.WebhookID, fmt.Sprintf("%d attempts in a row have failed", failures))
	}
	return nil
}

// waitBeforeRetry returns how long to wait before the next attempt, and false if there
// is none. Up to a tenth is added at random, and Retry-After is kept to.
func (s *Service) waitBeforeRetry(d delivery, failed error) (time.Duration, bool) {
	if d.Attempts >= len(s.cfg.Waits) || errors.Is(failed, errReceiverGone) || errors.Is(failed, errEventMissing) {
		return 0, false
	}
	wait := s.cfg.Waits[d.Attempts]
	wait += rand.N(wait/10 + 1)
	if answer, ok := errors.AsType[*statusError](failed); ok {
		wait = max(wait, answer.after)
	}
	return wait, true
}

func (s *Service) disableWebhook(ctx context.Context, tx *sqlx.Tx, id, reason string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE webhooks SET disabled_at = now(), disabled_reason = $2
WHERE id = $1 AND disabled_at IS NULL`, id, reason); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE webhook_deliveries
SET state = 'failed', taken = false, error = 'the webhook was disabled', updated_at = now()
WHERE webhook_id = $1 AND state = 'pending'`, id); err != nil {
		return err
	}
	s.cfg.Logger.WarnContext(ctx, "webhook disabled", "webhook", id, "reason", reason)
	return nil
}

// deleteOld deletes deliveries that ended longer than keepDeliveries ago.
func (s *Service) deleteOld(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	if _, err := s.cfg.DB.ExecContext(ctx, `DELETE FROM webhook_deliveries
WHERE state <> 'pending' AND updated_at < now() - $1 * interval '1 second'`, keepDeliveries.Seconds()); err != nil {
		s.cfg.Logger.WarnContext(ctx, "cannot delete old webhook deliveries", "err", err)
	}
}
