package api

import (
	"context"
	"net/http"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/security"
)

// auditTime is how long it may take to record an access.
const auditTime = 5 * time.Second

// recordAccess records that somebody reads about people. Only then they may.
func (a *API) recordAccess(r *http.Request, who caller, jobID string, what events.AccessKind, row int) error {
	access, err := a.writeAccess(r, who, jobID, what, row)
	if err != nil {
		return err
	}
	a.cfg.Watch.Read(r.Context(), access)
	return nil
}

// writeAccess is recordAccess without telling who watches.
func (a *API) writeAccess(
	r *http.Request, who caller, jobID string, what events.AccessKind, row int,
) (events.Access, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), auditTime)
	defer cancel()
	access := events.Access{
		JobID: jobID, What: what, At: a.cfg.Now().UTC(), By: who.User, Row: row,
		From: security.ClientAddress(r, a.cfg.TrustedProxies),
	}
	return access, a.auditor.Write(ctx, access)
}
