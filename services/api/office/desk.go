// Package office answers information officers and administrators: cases of one person,
// the audit of readings, tokens that are revoked. An ID number comes in the body of a
// request and goes nowhere from there but sealed into the bucket of cases.
package office

import (
	"rollcall.example/events/cases"
	"rollcall.example/events/person"
	"rollcall.example/services/api/rest"
)

// Desk is what its handlers work with.
type Desk struct {
	*rest.Desk
	Cases *cases.Log
	// Key hashes and seals the people of cases.
	Key *person.Key
}
