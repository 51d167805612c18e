package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
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
	switch {
	case failed == nil:
		err = recordSuccess(ctx, tx, d, code)
	case d.Kind == string(events.KindWebhookTest):
		// It is one attempt, and what a user tries out is not what the receiver owes.
		err = updateFailed(ctx, tx, d, "failed", 0, code, failed, 0)
	default:
		err = s.recordFailure(ctx, tx, d, code, failed)
	}
	if err != nil {
		return err
	}
	return tx.Commit()
}

// recordSuccess also ends the waiting of other deliveries. A webhook that was disabled
// has only tests: one that is taken enables it.
func recordSuccess(ctx context.Context, tx *sqlx.Tx, d delivery, code sql.NullInt32) error {
	_, err := tx.ExecContext(ctx, `UPDATE webhooks
SET failures = 0, failing_since = NULL, probe_at = NULL, disabled_at = NULL, disabled_reason = NULL
WHERE id = $1 AND (disabled_at IS NULL OR $2)
  AND (failures <> 0 OR failing_since IS NOT NULL OR disabled_at IS NOT NULL)`,
		d.WebhookID, d.Kind == string(events.KindWebhookTest))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE webhook_deliveries SET state = 'delivered', attempts = attempts + 1,
  taken = false, status = $3, error = NULL, updated_at = now()
WHERE webhook_id = $1 AND seq = $2 AND state = 'pending'`, d.WebhookID, d.Seq, code)
	return err
}

// recordFailure also disables a webhook whose receiver is gone or has been failing for
// too long. A delivery is given up when it has failed often enough while the receiver
// took others.
func (s *Service) recordFailure(ctx context.Context, tx *sqlx.Tx, d delivery, code sql.NullInt32, failed error) error {
	// It updates the webhook before its deliveries. Deleting a webhook locks in the same
	// order.
	var receiver struct {
		Failures int  `db:"failures"`
		TooLong  bool `db:"too_long"`
	}
	if isReceivers(failed) {
		// The time after the last probe was due is not the receiver's: nobody tried.
		err := tx.GetContext(ctx, &receiver, `UPDATE webhooks SET failures = failures + 1,
  failing_since = coalesce(failing_since + greatest(now() - probe_at, interval '0'), now()), probe_at = now()
WHERE id = $1
RETURNING failures, now() - failing_since >= $2 * interval '1 second' AS too_long`,
			d.WebhookID, s.cfg.MaxFailing.Seconds())
		if errors.Is(err, sql.ErrNoRows) {
			return nil // the webhook was deleted meanwhile, with its deliveries
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx,
			`UPDATE webhooks SET probe_at = now() + $2 * interval '1 second' WHERE id = $1`,
			d.WebhookID, s.waitBeforeProbe(receiver.Failures, failed).Seconds()); err != nil {
			return err
		}
	}
	if err := s.recordFailedDelivery(ctx, tx, d, code, failed, receiver.Failures > 1); err != nil {
		return err
	}
	switch {
	case errors.Is(failed, errReceiverGone):
		return s.disableWebhook(ctx, tx, d.WebhookID, errReceiverGone.Error())
	case receiver.TooLong:
		return s.disableWebhook(ctx, tx, d.WebhookID,
			fmt.Sprintf("no delivery has been taken for %g hours", s.cfg.MaxFailing.Hours()))
	}
	return nil
}

// recordFailedDelivery records a failed attempt of a delivery. A probe of a receiver
// that fails takes nothing from the attempts that the delivery has.
func (s *Service) recordFailedDelivery(ctx context.Context, tx *sqlx.Tx, d delivery, code sql.NullInt32,
	failed error, probe bool) error {
	state, strike, wait := "pending", 1, time.Duration(0)
	switch {
	case errors.Is(failed, errReceiverGone), errors.Is(failed, errEventMissing), d.Strikes >= len(s.cfg.Waits):
		state = "failed"
	case probe:
		strike = 0
	default:
		wait = addJitter(s.cfg.Waits[d.Strikes])
	}
	return updateFailed(ctx, tx, d, state, strike, code, failed, wait)
}

func updateFailed(ctx context.Context, tx *sqlx.Tx, d delivery, state string, strike int, code sql.NullInt32,
	failed error, wait time.Duration) error {
	_, err := tx.ExecContext(ctx, `UPDATE webhook_deliveries SET state = $3, attempts = attempts + 1,
  strikes = strikes + $4, taken = false, status = $5, error = $6, due_at = now() + $7 * interval '1 second',
  updated_at = now()
WHERE webhook_id = $1 AND seq = $2 AND state = 'pending'`,
		d.WebhookID, d.Seq, state, strike, code, tellUser(failed), wait.Seconds())
	return err
}

// isReceivers reports whether a failure is the receiver's and not ours.
func isReceivers(failed error) bool {
	_, answered := errors.AsType[*statusError](failed)
	_, unreachable := errors.AsType[*networkError](failed)
	return answered || unreachable
}

// waitBeforeProbe returns how long to leave a receiver alone after so many failures in
// a row. Retry-After is kept to.
func (s *Service) waitBeforeProbe(failures int, failed error) time.Duration {
	wait := s.cfg.FirstProbe
	for range failures - 1 {
		if wait *= 2; wait >= maxProbe {
			wait = maxProbe
			break
		}
	}
	wait = addJitter(wait)
	if answer, ok := errors.AsType[*statusError](failed); ok {
		wait = max(wait, answer.after)
	}
	return wait
}

// addJitter adds up to a tenth.
func addJitter(wait time.Duration) time.Duration { return wait + rand.N(wait/10+1) }

func (s *Service) disableWebhook(ctx context.Context, tx *sqlx.Tx, id, reason string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE webhooks SET disabled_at = now(), disabled_reason = $2
WHERE id = $1 AND disabled_at IS NULL`, id, reason); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE webhook_deliveries
SET state = 'failed', taken = false, error = 'the webhook was disabled', updated_at = now()
WHERE webhook_id = $1 AND state = 'pending' AND kind <> 'test'`, id); err != nil {
		return err
	}
	s.cfg.Logger.WarnContext(ctx, "webhook disabled", "webhook", id, "reason", reason)
	return nil
}

// deleteOld deletes deliveries that ended longer than keepDeliveries ago, and secrets
// that are not valid any more.
func (s *Service) deleteOld(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	if _, err := s.cfg.DB.ExecContext(ctx, `DELETE FROM webhook_deliveries
WHERE state <> 'pending' AND updated_at < now() - $1 * interval '1 second'`, keepDeliveries.Seconds()); err != nil {
		s.cfg.Logger.WarnContext(ctx, "cannot delete old webhook deliveries", "err", err)
	}
	if _, err := s.cfg.DB.ExecContext(ctx, `UPDATE webhooks SET old_secret = NULL, old_secret_until = NULL
WHERE old_secret_until < now()`); err != nil {
		s.cfg.Logger.WarnContext(ctx, "cannot delete old secrets of webhooks", "err", err)
	}
}
