// Package steer answers those who have something done with a job that is there: cancel,
// retry, undo, approve, decline, commit a dry run, take over its waiting rows.
package steer

import (
	"rollcall.example/services/api/rest"
	"rollcall.example/services/jobs"
	"rollcall.example/services/upload"
)

// Desk is what its handlers work with.
type Desk struct {
	*rest.Desk
	Upload *upload.Service
	Jobs   *jobs.Table
}
