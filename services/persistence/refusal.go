package persistence

import (
	"errors"
	"fmt"

	"github.com/lib/pq"
)

// databaseError is an error of PostgreSQL without the values that its message
// may quote: a message ends in logs, and a value may be an ID number.
type databaseError struct{ err *pq.Error }

func (e *databaseError) Error() string {
	text := fmt.Sprintf("postgres %s (%s)", e.err.Code.Name(), e.err.Code)
	if e.err.Constraint != "" {
		text += " on " + e.err.Constraint
	}
	return text
}

func (e *databaseError) Unwrap() error { return e.err }

// safe replaces an error whose text may quote values by one that does not.
func safe(err error) error {
	if p, ok := errors.AsType[*pq.Error](err); ok {
		return &databaseError{p}
	}
	if lost(err) {
		return &lostError{err}
	}
	return err
}

// refusable returns the database's error if it lies with the values of a row,
// so that the same row would be refused again: wrong data (class 22), a broken
// constraint (23), a value too large for an index, or a trigger's refusal. A
// lost connection, a deadlock or a server that is shutting down is none of these.
func refusable(err error) (*pq.Error, bool) {
	p, ok := errors.AsType[*pq.Error](err)
	if !ok {
		return nil, false
	}
	switch {
	case p.Code.Class() == "22", p.Code.Class() == "23", p.Code == "54000", p.Code == "P0001":
		return p, true
	}
	return nil, false
}

// refusal tells in a sentence why the database refuses a row, without quoting
// any value. Column is what is known of the offending column, "" for nothing.
func refusal(p *pq.Error, column string) string {
	if column == "" {
		column = p.Column
	}
	why := "a value does not fit"
	switch {
	case p.Code == "23502" && column != "":
		return fmt.Sprintf("The database refused the row: %s must not be empty (%s).", column, p.Code)
	case p.Code == "23505":
		why = "another member has the same value"
	case p.Code.Class() == "23":
		why = "a value breaks a rule"
	case p.Code == "22001":
		why = "a text is too long"
	case p.Code == "22003", p.Code == "22008":
		why = "a number or date is out of range"
	case p.Code == "22021":
		why = "a text holds a character that cannot be stored"
	case p.Code == "P0001":
		why = "a rule of the database forbids it"
	}
	switch {
	case p.Constraint != "":
		why += ", " + p.Constraint
	case column != "":
		why += ", " + column
	}
	return fmt.Sprintf("The database refused the row: %s (%s %s).", why, p.Code, p.Code.Name())
}
