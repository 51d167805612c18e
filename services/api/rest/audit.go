package rest

import (
	"context"
	"net/http"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/security"
)

// auditTime is how long it may take to record an access.
const auditTime = 5 * time.Second

// RecordAccess records that somebody reads about people. Only then they may.
func (d *Desk) RecordAccess(r *http.Request, who Caller, jobID string, what events.AccessKind, row int) error {
	access, err := d.WriteAccess(r, who, jobID, what, row)
	if err != nil {
		return err
	}
	d.Watch.Read(r.Context(), access)
	return nil
}

// WriteAccess is RecordAccess without telling who watches.
func (d *Desk) WriteAccess(
	r *http.Request, who Caller, jobID string, what events.AccessKind, row int,
) (events.Access, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), auditTime)
	defer cancel()
	access := events.Access{
		JobID: jobID, What: what, At: d.Now().UTC(), By: who.User, Row: row,
		From: security.ClientAddress(r, d.TrustedProxies),
	}
	return access, d.Auditor.Write(ctx, access)
}

// RecordReading is RecordAccess for people who are no rows of one job.
func (d *Desk) RecordReading(r *http.Request, read events.Access) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), auditTime)
	defer cancel()
	if err := d.Auditor.Write(ctx, read); err != nil {
		return err
	}
	d.Watch.Read(r.Context(), read)
	return nil
}
