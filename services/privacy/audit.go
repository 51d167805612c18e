package privacy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"rollcall.example/events"
)

func (s *Service) writeAudit(ctx context.Context, jobID string, what events.AccessKind, by events.User,
	from string) error {
	access := events.Access{JobID: jobID, What: what, At: s.cfg.Now().UTC(), By: by, From: from}
	return s.auditor.Write(ctx, access)
}

// writeMemberAudit is writeAudit for a person whom no kept job holds. It names the
// job that wrote the member last. It writes nothing for a person who is no member.
func (s *Service) writeMemberAudit(ctx context.Context, id string, what events.AccessKind, by events.User,
	from string) error {
	var jobID string
	err := s.cfg.DB.GetContext(ctx, &jobID, `SELECT updated_by_job FROM members WHERE id_number = $1`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return s.writeAudit(ctx, jobID, what, by, from)
}
