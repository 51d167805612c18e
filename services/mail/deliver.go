package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	gomail "github.com/wneessen/go-mail"

	"rollcall.example/services/mail/settings"
)

const (
	dbTimeout = 5 * time.Second
	// claimTime is how long a claimed message is left to the process that has it. It is
	// longer than all that one attempt may take.
	claimTime = 2 * time.Minute
)

// due is a message that is to be sent now.
type due struct {
	UserID   string    `db:"user_id"`
	Seq      int64     `db:"seq"`
	JobID    string    `db:"job_id"`
	Kind     string    `db:"kind"`
	Topic    string    `db:"topic"`
	At       time.Time `db:"event_at"`
	Attempts int       `db:"attempts"`
	ID       string    `db:"id"`
	Secret   []byte    `db:"secret"`
	Email    string    `db:"email"`
	// Wanted says whether the person has not switched the topic off since.
	Wanted bool `db:"wanted"`
}

// errLost means that the connection is of no use any more.
var errLost = errors.New("the connection was lost")

// deliver sends what is due until ctx ends. While the server is away it tries again by
// itself, and no message is the worse for it.
func (s *Service) deliver(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.Poll)
	defer tick.Stop()
	var swept, dialAt time.Time
	wait := s.cfg.FirstRedial
	for {
		if now := time.Now(); now.Sub(swept) > sweepEvery {
			swept = now
			s.sweep(ctx)
		}
		if !time.Now().Before(dialAt) {
			err := s.sendDue(ctx)
			switch {
			case err == nil:
				wait = s.cfg.FirstRedial
			case ctx.Err() == nil:
				s.cfg.Logger.WarnContext(ctx, "no e-mail can be sent, trying again", "again_in", wait, "err", err)
				dialAt = time.Now().Add(wait)
				wait = min(2*wait, maxRedial)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		case <-tick.C:
		}
	}
}

// wakeUp makes deliver look for due messages soon.
func (s *Service) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// sendDue sends all that is due, over one connection, which is made only if something is.
func (s *Service) sendDue(ctx context.Context) error {
	if err := s.endLate(ctx); err != nil {
		return err
	}
	var any bool
	if err := s.cfg.DB.GetContext(ctx, &any, `SELECT EXISTS (SELECT FROM mails
WHERE state = 'pending' AND due_at <= now())`); err != nil || !any {
		return err
	}
	client, err := s.cfg.Server.dial(ctx)
	if err != nil {
		s.cfg.Observe(resultUnreachable)
		return err
	}
	defer func() { _ = client.Close() }() // all that matters was answered
	for ctx.Err() == nil {
		m, err := s.claim(ctx)
		if err != nil || m == nil {
			return err
		}
		if err := s.attempt(ctx, client, m); err != nil {
			return err
		}
	}
	return nil
}

// claim claims the message that has been due for longest; nil is none. If this process dies
// before it sends it, it is due again when the claim ends.
func (s *Service) claim(ctx context.Context) (*due, error) {
	ctx, cancel := context.WithTimeout(ctx, dbTimeout)
	defer cancel()
	var list []due
	err := s.cfg.DB.SelectContext(ctx, &list, `WITH next AS (
  SELECT user_id, seq FROM mails WHERE state = 'pending' AND due_at <= now()
  ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE mails m SET due_at = now() + $1 * interval '1 second'
FROM next JOIN notifications n ON n.user_id = next.user_id
WHERE m.user_id = next.user_id AND m.seq = next.seq
RETURNING m.user_id, m.seq, m.job_id, m.kind, m.topic, m.event_at, m.attempts, n.id, n.secret, n.email,
  CASE m.topic WHEN 'jobs' THEN n.jobs_since ELSE n.waiting_since END IS NOT NULL AS wanted`, claimTime.Seconds())
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// attempt sends a message and records the result. It returns errLost when the connection
// cannot be used for another one.
func (s *Service) attempt(ctx context.Context, client *gomail.Client, m *due) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime/2)
	defer cancel()
	if !m.Wanted {
		return s.record(ctx, m, outcome{result: resultDropped})
	}
	msg, err := s.makeMessage(ctx, m)
	switch {
	case errors.Is(err, errOver):
		return s.record(ctx, m, outcome{result: resultDropped})
	case err != nil:
		s.cfg.Logger.WarnContext(ctx, "an e-mail could not be made, trying again", "job", m.JobID, "seq", m.Seq, "err", err)
		return s.record(ctx, m, outcome{result: resultRetried})
	}
	ours, err := s.markSending(ctx, m)
	if err != nil || !ours {
		return err
	}
	o := judge(msg, client.Send(msg))
	log := s.cfg.Logger.With("job", m.JobID, "seq", m.Seq, "attempt", m.Attempts+1, "code", o.code)
	if o.result == resultSent {
		log.DebugContext(ctx, "e-mail sent")
	} else {
		// The server's own text may name the person.
		log.InfoContext(ctx, "e-mail not sent", "result", o.result, "at", o.at)
	}
	if err := s.record(ctx, m, o); err != nil {
		// It stays in the state sending, and is not sent again.
		return err
	}
	if o.lost || o.result != resultSent && client.Reset() != nil {
		return errLost
	}
	return nil
}

// outcome is what became of an attempt.
type outcome struct {
	result string
	code   int    // of the server; 0 for none
	at     string // the step that failed
	lost   bool   // so is the connection
}

// judge says what the result of sending means.
func judge(msg *gomail.Msg, err error) outcome {
	if err == nil || msg.IsDelivered() {
		return outcome{result: resultSent, lost: err != nil}
	}
	failed, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		return outcome{result: resultRetried, lost: true}
	}
	o := outcome{code: failed.ErrorCode(), at: failed.Reason.String()}
	o.lost = o.code == 0 || o.code == smtpClosing
	switch {
	case o.code >= smtpPermanent:
		o.result = resultFailed
	case o.code == 0 && failed.Reason == gomail.ErrSMTPDataClose:
		o.result = resultUnknown
	default:
		o.result = resultRetried
	}
	return o
}

// Codes of the server (RFC 5321, 4.2): smtpClosing says that it closes the connection, and
// those from smtpPermanent on that it will not take the message another time either.
const (
	smtpClosing   = 421
	smtpPermanent = 500
)

// markSending writes down that the server is about to get a message. It reports whether
// the message is still this process's to send.
func (s *Service) markSending(ctx context.Context, m *due) (bool, error) {
	res, err := s.cfg.DB.ExecContext(ctx, `UPDATE mails SET state = 'sending', updated_at = now()
WHERE user_id = $1 AND seq = $2 AND state = 'pending' AND attempts = $3 AND due_at > now()`,
		m.UserID, m.Seq, m.Attempts)
	if err != nil {
		return false, fmt.Errorf("mark mail: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// record writes down what became of an attempt.
func (s *Service) record(ctx context.Context, m *due, o outcome) error {
	s.cfg.Observe(o.result)
	state, wait := o.result, time.Duration(0)
	if o.result == resultRetried {
		state, wait = "pending", s.cfg.Waits[min(m.Attempts, len(s.cfg.Waits)-1)]
	}
	_, err := s.cfg.DB.ExecContext(ctx, `UPDATE mails SET state = $3, attempts = attempts + 1, code = nullif($4, 0),
  due_at = now() + $5 * interval '1 second', updated_at = now()
WHERE user_id = $1 AND seq = $2 AND attempts = $6`, m.UserID, m.Seq, state, o.code, wait.Seconds(), m.Attempts)
	if err != nil {
		return fmt.Errorf("record mail: %w", err)
	}
	return nil
}

// endLate ends what nobody need be told of any more, and what a process that has died was
// just sending: whether the server took that is not known.
func (s *Service) endLate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dbTimeout)
	defer cancel()
	return errors.Join(
		s.end(ctx, resultUnknown, `state = 'sending' AND due_at <= now()`),
		s.end(ctx, resultFailed, `state = 'pending' AND event_at < now() - $2 * interval '1 second'`,
			s.cfg.MaxAge.Seconds()),
	)
}

// end gives messages up.
func (s *Service) end(ctx context.Context, result, where string, args ...any) error {
	res, err := s.cfg.DB.ExecContext(ctx, `UPDATE mails SET state = $1, updated_at = now() WHERE `+where,
		append([]any{result}, args...)...)
	if err != nil {
		return fmt.Errorf("end mails: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("end mails: %w", err)
	}
	if n > 0 {
		s.cfg.Logger.WarnContext(ctx, "e-mail given up", "result", result, "messages", n)
	}
	for range n {
		s.cfg.Observe(result)
	}
	return nil
}

// sweep deletes what is kept no longer.
func (s *Service) sweep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, dbTimeout)
	defer cancel()
	_, err := s.cfg.DB.ExecContext(ctx, `DELETE FROM mails
WHERE state NOT IN ('pending', 'sending') AND updated_at < now() - $1 * interval '1 second'`, keepEnded.Seconds())
	if err == nil {
		_, err = s.cfg.DB.ExecContext(ctx, `DELETE FROM notifications WHERE seen_at < now() - $1 * interval '1 second'`,
			settings.KeepUnseen.Seconds())
	}
	if err != nil && ctx.Err() == nil {
		s.cfg.Logger.WarnContext(ctx, "old e-mail settings not deleted, trying again later", "err", err)
	}
}
