// Package reading answers those who read about people: reports and their sheets, the rows
// of a job, what became of one, what jobs have said of one person. Each reading is recorded.
package reading

import (
	"rollcall.example/events/person"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/rowhistory"
	"rollcall.example/services/rows"
)

// Desk is what its handlers work with.
type Desk struct {
	*rest.Desk
	Rows    *rows.Reader
	History *rowhistory.Reader
	// Key hashes the people whose stories are read.
	Key *person.Key
}
