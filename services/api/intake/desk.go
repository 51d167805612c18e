// Package intake answers those who send spreadsheets in: uploads whole and in parts,
// what would be read of a file, mappings that a person keeps, and how much they may send.
package intake

import (
	"context"

	"rollcall.example/events"
	"rollcall.example/events/mappings"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/jobs"
	"rollcall.example/services/upload"
)

// Desk is what its handlers work with.
type Desk struct {
	*rest.Desk
	Upload   *upload.Service
	Jobs     *jobs.Table
	Mappings *mappings.Store
	// Quota reads the allowance of IEC calls.
	Quota func(context.Context) (events.Quota, error)
	// UserQuota reads the part of it that a user may take; its Limit is 0 when there
	// is none. Nil means that nobody has one.
	UserQuota func(ctx context.Context, user string) (events.Quota, error)
}
