package persistence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/lib/pq"
)

// refuseRow records that the database refuses the one row of a range.
func (m *merge) refuseRow(ctx context.Context, r idRange, cause *pq.Error) error {
	column, err := m.findBadColumn(ctx, r)
	if err != nil {
		return err
	}
	_, err = m.tx.ExecContext(ctx, `INSERT INTO job_outcome_rows (job_id, n, id_number, result, error)
SELECT $1, n, id_number, 'refused', $3 FROM incoming WHERE id_number = $2`,
		m.job.ID, r.upTo, describeRefusal(cause, column))
	if err != nil {
		return fmt.Errorf("refuse row: %w", redact(err))
	}
	return nil
}

// findBadColumn returns the column whose type cannot take the row's value, ""
// for none. PostgreSQL does not name it.
func (m *merge) findBadColumn(ctx context.Context, r idRange) (string, error) {
	for _, c := range columns {
		if c.typ == "" {
			continue
		}
		if _, err := m.tx.ExecContext(ctx, "SAVEPOINT cast_value"); err != nil {
			return "", fmt.Errorf("find bad column: %w", redact(err))
		}
		var present bool
		query := "SELECT " + c.incomingSQL() + " IS NOT NULL FROM incoming i WHERE id_number = $1"
		err := m.tx.GetContext(ctx, &present, query, r.upTo)
		_, bad := asRowError(err)
		if err != nil && !bad {
			return "", fmt.Errorf("find bad column: %w", redact(err))
		}
		if _, err := m.tx.ExecContext(ctx,
			"ROLLBACK TO SAVEPOINT cast_value; RELEASE SAVEPOINT cast_value"); err != nil {
			return "", fmt.Errorf("find bad column: %w", redact(err))
		}
		if bad {
			return c.name, nil
		}
	}
	return "", nil
}

// refuseBrokenRows moves the rows that could not be sent as text from incoming to
// the refused outcomes, and returns how many they are.
func (m *merge) refuseBrokenRows(ctx context.Context) (int, error) {
	var first string
	switch err := m.tx.GetContext(ctx, &first, `SELECT id_number FROM incoming WHERE broken IS NOT NULL LIMIT 1`); {
	case errors.Is(err, sql.ErrNoRows):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("find broken rows: %w", redact(err))
	}
	res, err := m.tx.ExecContext(ctx, `WITH removed AS (
  DELETE FROM incoming WHERE broken IS NOT NULL RETURNING n, id_number, broken
)
INSERT INTO job_outcome_rows (job_id, n, id_number, result, error)
SELECT $1, n, id_number, 'refused',
  'The database refused the row: a text holds a character that cannot be stored, ' || broken || ' (22021).'
FROM removed`, m.job.ID)
	if err != nil {
		return 0, fmt.Errorf("refuse broken rows: %w", redact(err))
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// asRowError returns the database's error if a row's values cause it, so that the
// same row would be refused again: invalid data (class 22), a violated constraint
// (23), a value too large for an index, or an exception of a trigger. A lost
// connection, a deadlock and a server that shuts down are none of these.
func asRowError(err error) (*pq.Error, bool) {
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

// describeRefusal says in a sentence why the database refuses a row, without
// quoting a value. column is the column at fault, "" if it is not known.
func describeRefusal(p *pq.Error, column string) string {
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
