package upload

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

const (
	limitWindow = time.Hour
	// limitTime bounds the question how much a user has uploaded.
	limitTime = 3 * time.Second
	// jobsRetry and transfersRetry are when to come back where nobody knows
	// when a job or a transfer will have ended.
	jobsRetry      = time.Minute
	transfersRetry = 5 * time.Second
	// lockSpace keeps these locks apart from all others in the database.
	lockSpace = 0x726f6c6c // "roll"
)

// transfer counts a file that a user is sending, until done is called. It is
// counted in this process: what is still on its way is in no log.
func (s *Service) transfer(who Principal) (done func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.transfers[who.ID] >= s.cfg.UserTransfers {
		return nil, tooMany("transfers", s.cfg.UserTransfers, transfersRetry,
			fmt.Sprintf("You are sending %d files already. Please wait until they have arrived.", s.cfg.UserTransfers))
	}
	s.transfers[who.ID]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.transfers[who.ID]--; s.transfers[who.ID] == 0 {
			delete(s.transfers, who.ID)
		}
	}, nil
}

// within refuses a user whose jobs are as many as are allowed, by what the
// table of all replicas says. A database that cannot tell refuses nobody.
func (s *Service) within(ctx context.Context, db sqlx.QueryerContext, who Principal) error {
	var had struct {
		Open   int          `db:"open"`
		Recent int          `db:"recent"`
		Oldest sql.NullTime `db:"oldest"`
	}
	now := s.cfg.Now()
	err := sqlx.GetContext(ctx, db, &had, `SELECT count(*) FILTER (WHERE status IN ('pending', 'processing', 'paused')) AS open,
  count(*) FILTER (WHERE created_at > $2) AS recent, min(created_at) FILTER (WHERE created_at > $2) AS oldest
FROM jobs WHERE owner_id = $1`, who.ID, now.Add(-limitWindow))
	switch {
	case err != nil:
		s.cfg.Logger.Warn("uploads of a user not counted", "err", err)
	case had.Recent >= s.cfg.UserUploads:
		return tooMany("uploads_per_hour", s.cfg.UserUploads, min(had.Oldest.Time.Add(limitWindow).Sub(now), limitWindow),
			fmt.Sprintf("You have uploaded %d files within an hour. Please go on later.", had.Recent))
	case had.Open >= s.cfg.UserJobs:
		return tooMany("jobs", s.cfg.UserJobs, jobsRetry,
			fmt.Sprintf("%d of your files are being processed. Please wait until some are done.", had.Open))
	}
	return nil
}

// claim is within, asked by one upload of the user at a time: no other of any
// replica is counted until done is called, when this one is in the table.
func (s *Service) claim(ctx context.Context, who Principal) (done func(), err error) {
	// Storing outlives the client, but no database keeps it waiting for long.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.MaxWait)
	tx, err := s.lock(ctx, who)
	if err != nil {
		cancel()
		s.cfg.Logger.Warn("uploads of a user not counted", "err", err)
		return func() {}, nil
	}
	done = func() {
		// Nothing was written; the lock goes with the connection in any case.
		_ = tx.Rollback()
		cancel()
	}
	if err := s.within(ctx, tx, who); err != nil {
		done()
		return nil, err
	}
	return done, nil
}

func (s *Service) lock(ctx context.Context, who Principal) (*sqlx.Tx, error) {
	tx, err := s.cfg.DB.BeginTxx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("lock user: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1, hashtext($2))`, lockSpace, who.ID); err != nil {
		_ = tx.Rollback() // the error that counts is the one before
		return nil, fmt.Errorf("lock user: %w", err)
	}
	return tx, nil
}

func tooMany(what string, limit int, wait time.Duration, message string) *problem {
	return &problem{code: "too_many_uploads", message: message, wait: max(wait, time.Second),
		details: map[string]any{"limit": limit, "of": what}}
}
