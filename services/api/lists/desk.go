// Package lists answers where jobs stand: one, lists of them, those that wait for the
// person, the queue that others would call it, and sums.
package lists

import (
	"rollcall.example/services/api/rest"
	"rollcall.example/services/jobs"
)

// Desk is what its handlers work with.
type Desk struct {
	*rest.Desk
	Jobs *jobs.Table
}
