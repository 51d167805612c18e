// Package settings keeps in the table notifications who wants to be told of what by
// e-mail. Package mail tells them.
package settings

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
	"rollcall.example/services/postgres"
)

// KeepUnseen is how long a person is told who does not look at their settings, which the
// console does whenever they sign in. Then the settings are deleted: a role and an area
// that nobody has confirmed for so long may be over.
const KeepUnseen = 90 * 24 * time.Hour

// Topic is what an e-mail is about.
type Topic string

// The topics. Each is switched on and off by itself.
const (
	// Jobs: a job of one's own has ended, or waits for somebody's approval.
	Jobs Topic = "jobs"
	// Waiting: a job of somebody else waits for one's own approval.
	Waiting Topic = "waiting"
)

// Wish is what a person wants to be told of.
type Wish struct {
	Jobs    bool `db:"jobs" json:"jobs"`
	Waiting bool `db:"waiting" json:"waiting"`
}

// Store keeps wishes. It is safe for concurrent use. Its refusals are *refusal.Error.
type Store struct{ db *sqlx.DB }

// NewStore returns a store over the table notifications.
func NewStore(db *sqlx.DB) *Store { return &Store{db} }

// Get returns what a person wants, and the address at which they are told: that of their
// token, or the one kept where this token has none; "" for no address. What the token says
// of them is kept anew, if they want anything.
func (s *Store) Get(ctx context.Context, who access.Principal) (wish Wish, email string, err error) {
	area, err := json.Marshal(who.Area)
	if err != nil {
		return Wish{}, "", fmt.Errorf("read notifications: %w", err)
	}
	var kept struct {
		Wish
		Email string `db:"email"`
	}
	err = s.db.GetContext(ctx, &kept, `UPDATE notifications
SET email = coalesce(nullif($2, ''), email), role = $3, area = $4, seen_at = now() WHERE user_id = $1
RETURNING email, jobs_since IS NOT NULL AS jobs, waiting_since IS NOT NULL AS waiting`,
		postgres.CleanText(who.ID), who.Email, postgres.CleanText(who.Role), area)
	if errors.Is(err, sql.ErrNoRows) {
		return Wish{}, who.Email, nil
	}
	if err != nil {
		return Wish{}, "", fmt.Errorf("read notifications: %w", err)
	}
	return kept.Wish, kept.Email, nil
}

// Put keeps what a person wants. Whoever wants nothing is forgotten. It refuses who has
// no address, and who wants to be told of what they may not approve.
func (s *Store) Put(ctx context.Context, who access.Principal, wish Wish) (email string, err error) {
	if wish == (Wish{}) {
		if _, err := s.db.ExecContext(ctx, `DELETE FROM notifications WHERE user_id = $1`,
			postgres.CleanText(who.ID)); err != nil {
			return "", fmt.Errorf("delete notifications: %w", err)
		}
		return who.Email, nil
	}
	if _, email, err = s.Get(ctx, who); err != nil {
		return "", err
	}
	if email == "" {
		return "", &refusal.Error{Code: refusal.CodeBadRequest, Details: map[string]any{"reason": "no_email"},
			Message: "Your sign-in names no e-mail address that is confirmed, so nothing can be sent to you."}
	}
	if wish.Waiting && !who.MayOnOthers(access.Approve) {
		return "", &refusal.Error{Code: refusal.CodeForbidden, Message: "You cannot approve jobs of others.",
			Details: map[string]any{"permission": access.Approve}}
	}
	area, err := json.Marshal(who.Area)
	if err != nil {
		return "", fmt.Errorf("save notifications: %w", err)
	}
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails
	_, err = s.db.ExecContext(ctx, `INSERT INTO notifications AS n
  (user_id, id, secret, email, role, area, jobs_since, waiting_since, seen_at)
VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $7 THEN now() END, CASE WHEN $8 THEN now() END, now())
ON CONFLICT (user_id) DO UPDATE SET email = excluded.email, role = excluded.role, area = excluded.area,
  jobs_since = CASE WHEN $7 THEN coalesce(n.jobs_since, now()) END,
  waiting_since = CASE WHEN $8 THEN coalesce(n.waiting_since, now()) END, seen_at = now()`,
		postgres.CleanText(who.ID), newID(), secret, email, postgres.CleanText(who.Role), area, wish.Jobs, wish.Waiting)
	if err != nil {
		return "", fmt.Errorf("save notifications: %w", err)
	}
	return email, nil
}

// Recipient is somebody who may have to be told.
type Recipient struct {
	UserID string `db:"user_id"`
	Role   string `db:"role"`
	Area   []byte `db:"area"` // JSON
	// Jobs and Waiting say which topics the person has switched on before the event.
	Jobs    bool `db:"jobs"`
	Waiting bool `db:"waiting"`
}

// Identify returns what the person may do by a policy.
func (r Recipient) Identify(p *access.Policy) (access.Principal, error) {
	var area events.Area
	if err := json.Unmarshal(r.Area, &area); err != nil {
		return access.Principal{}, fmt.Errorf("read area: %w", err)
	}
	var places access.Places
	switch area.Level {
	case events.AreaProvince:
		places.Provinces = area.Codes
	case events.AreaMunicipality:
		places.Municipalities = area.Codes
	case events.AreaWard:
		places.Wards = area.Codes
	}
	return p.Identify(events.User{ID: r.UserID, Role: r.Role}, places), nil
}

// Find returns who had something switched on when something happened: those of owners who
// want to be told of their jobs, and with approvers also all who approve.
func (s *Store) Find(ctx context.Context, owners []string, approvers bool, at time.Time) (list []Recipient, err error) {
	for i := range owners {
		owners[i] = postgres.CleanText(owners[i])
	}
	err = s.db.SelectContext(ctx, &list, `SELECT user_id, role, area,
  coalesce(jobs_since <= $3, false) AS jobs, coalesce(waiting_since <= $3, false) AS waiting
FROM notifications WHERE seen_at > now() - $4 * interval '1 second'
  AND (user_id = ANY ($1) AND jobs_since <= $3 OR $2 AND waiting_since <= $3)`,
		pq.Array(owners), approvers, at, KeepUnseen.Seconds())
	if err != nil {
		return nil, fmt.Errorf("find recipients: %w", err)
	}
	return list, nil
}
