package persistence

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// errPropose rolls the transaction of a job back that somebody has to approve
// first.
var errPropose = errors.New("the job waits for approval")

// proposal decides whether a job may write.
type proposal struct {
	job *events.Job
	// approveAbove is how many changes to existing members a job may make by
	// itself; 0 means any number.
	approveAbove int
	// salt is the key of the digest, in hexadecimal.
	salt   string
	digest string
	// reason is why the job has to be proposed; "" while it has not.
	reason string
}

// openProposal returns the proposal of a job. If the job was approved, it has the
// salt of what was approved.
func (s *Service) openProposal(ctx context.Context, job *events.Job) (*proposal, error) {
	p := &proposal{job: job, approveAbove: s.approveAbove}
	if job.Approved != nil && job.Proposed != nil {
		var head records.Header
		for _, err := range records.Each[records.Outcome](ctx, s.store, job.Proposed.Outcomes, &head) {
			if err != nil && !errors.Is(err, events.ErrMissing) && !errors.Is(err, events.ErrAltered) {
				return nil, err
			}
			break
		}
		p.salt = head.Salt
	}
	if p.salt == "" {
		p.salt = rand.Text()
	}
	return p, nil
}

// decide says whether what the transaction has written may stay. A dry run writes
// nothing, and nobody has to approve it.
func (p *proposal) decide(ctx context.Context, tx *sqlx.Tx, stats events.DatabaseStats) error {
	if p.job.Options.DryRun {
		return nil
	}
	approved := p.job.Approved != nil
	switch {
	case approved:
	case p.job.Options.Approval && p.job.Options.Undoes != "":
		p.reason = events.ProposedUndo
	case p.job.Options.Approval:
		p.reason = events.ProposedNoWrite
	case p.approveAbove > 0 && stats.Updates+stats.Removed > p.approveAbove:
		p.reason = events.ProposedManyChanges
	default:
		return nil
	}
	var err error
	if p.digest, err = digestOf(ctx, tx, p.job.ID, p.salt); err != nil {
		return err
	}
	if approved && (p.job.Proposed == nil || p.digest != p.job.Proposed.Digest) {
		p.reason = events.ProposedChanged
	}
	return nil
}

// writtenSQL returns, as text, all that a job writes: the outcome of each row with the
// values before and after, and the new members.
var writtenSQL = `SELECT o.n || ' ' || o.id_number || ' ' || o.result || ' ' ||
  to_jsonb(ARRAY[o.vd_code, o.error]) || ' ' || to_jsonb(o.changed) || ' ' ||
  coalesce(o.before::text, '') || ' ' || coalesce(o.after::text, '') || ' ' ||
  coalesce((to_jsonb(m) - 'id' - 'row_digest' - 'created_at' - 'updated_at')::text, '')
FROM job_outcomes o LEFT JOIN LATERAL ` + memberSQL("o.result = 'inserted'") + ` m ON true
WHERE o.job_id = $1 ORDER BY o.n`

// digestOf returns the digest of all that a job writes. Without the salt nobody can
// find out by trying who is in it.
func digestOf(ctx context.Context, tx *sqlx.Tx, jobID, salt string) (string, error) {
	rows, err := tx.QueryContext(ctx, writtenSQL, jobID)
	if err != nil {
		return "", fmt.Errorf("digest: %w", redact(err))
	}
	defer func() { _ = rows.Close() }() // rows.Err has the error
	sum := hmac.New(sha256.New, []byte(salt))
	for rows.Next() {
		var line []byte
		if err := rows.Scan(&line); err != nil {
			return "", fmt.Errorf("digest: %w", redact(err))
		}
		_, _ = fmt.Fprintf(sum, "%d\n%s\n", len(line), line) // never fails
	}
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("digest: %w", redact(err))
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
