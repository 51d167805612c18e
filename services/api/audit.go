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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), auditTime)
	defer cancel()
	access := events.Access{
		JobID: jobID, What: what, At: a.cfg.Now().UTC(), By: who.User, Row: row,
		From: security.ClientAddress(r, a.cfg.TrustedProxies),
	}
	if err := a.auditor.Write(ctx, access); err != nil {
		return err
	}
	a.cfg.Watch.Read(ctx, access)
	return nil
}
