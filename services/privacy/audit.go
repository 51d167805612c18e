package privacy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/cases"
)

// auditTime is how long it may take to record an access.
const auditTime = 30 * time.Second

// accessKinds are what the kinds of cases are called in the audit.
var accessKinds = map[cases.Kind]events.AccessKind{
	cases.Erase: events.AccessErasure, cases.Export: events.AccessExport,
	cases.Object: events.AccessObjection, cases.Lift: events.AccessLift,
}

// writeAudit records what is done for a case, to the data of a job or with "" to all
// that is stored of the person.
func (s *Service) writeAudit(ctx context.Context, c *cases.Case, jobID string, what events.AccessKind) error {
	ctx, cancel := context.WithTimeout(ctx, auditTime)
	defer cancel()
	r := c.Requested
	return s.auditor.Write(ctx, events.Access{JobID: jobID, CaseID: c.ID, What: what, At: s.cfg.Now().UTC(),
		By: r.By, From: r.From, Person: r.Person})
}

// noteHead notes in the database what the newest message of the audit is.
func (s *Service) noteHead(ctx context.Context) error {
	head, err := events.AuditHead(ctx, s.cfg.Log.JetStream())
	if err != nil {
		return err
	}
	if head.SHA256 == "" || head == s.head {
		return nil
	}
	// A head that was noted under this number stays, also if it is another one.
	if _, err := s.cfg.DB.ExecContext(ctx, `INSERT INTO audit_heads (seq, sha256) VALUES ($1, $2)
ON CONFLICT (seq) DO NOTHING`, head.Seq, head.SHA256); err != nil {
		return fmt.Errorf("note the audit's head: %w", err)
	}
	s.head = head
	return nil
}

// headEvery is how often a new head of the audit is noted.
const headEvery = time.Minute

// NoteHeads notes the newest message of the audit, from time to time, until ctx ends.
func (s *Service) NoteHeads(ctx context.Context) error {
	tick := time.NewTicker(headEvery)
	defer tick.Stop()
	for {
		if err := s.noteHead(ctx); err != nil && !errors.Is(err, context.Canceled) {
			s.cfg.Logger.ErrorContext(ctx, "the audit's newest message is not noted in the database",
				"again_in", headEvery, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// KnownHeads returns the heads of the audit that the database has.
func KnownHeads(ctx context.Context, db *sqlx.DB) (list []events.AuditLink, err error) {
	var rows []struct {
		Seq    uint64 `db:"seq"`
		SHA256 string `db:"sha256"`
	}
	if err := db.SelectContext(ctx, &rows, `SELECT seq, sha256 FROM audit_heads ORDER BY seq`); err != nil {
		return nil, fmt.Errorf("read the audit's heads: %w", err)
	}
	for _, r := range rows {
		list = append(list, events.AuditLink{Seq: r.Seq, SHA256: r.SHA256})
	}
	return list, nil
}
