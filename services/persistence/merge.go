package persistence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
)

// merge is the writing of one job, within one transaction.
type merge struct {
	tx    *sqlx.Tx
	conn  *sqlx.Conn // that of tx
	jobID string
	now   time.Time
	// total is the number of rows, for the ledger.
	total    int
	progress func(done int, message string)
}

// span is a part of incoming: count rows with an ID number above after and up to upTo.
type span struct {
	after, upTo string
	count       int
}

// run writes people and the outcome of each, unless the ledger says that
// another worker has done so in the meantime.
func (m *merge) run(ctx context.Context, people iter.Seq2[person, error]) error {
	// Two workers on one job meet here: the second waits for the first to end.
	res, err := m.tx.ExecContext(ctx, `INSERT INTO job_ledger (job_id, written_at) VALUES ($1, $2)
ON CONFLICT (job_id) DO NOTHING`, m.jobID, m.now)
	if err != nil {
		return fmt.Errorf("write ledger: %w", safe(err))
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	n, err := m.load(ctx, people)
	if err != nil {
		return err
	}
	broken, err := m.setAsideBroken(ctx)
	if err != nil || n == broken {
		return err
	}
	whole := span{count: n - broken}
	if err := m.tx.GetContext(ctx, &whole.upTo, `SELECT max(id_number) FROM incoming`); err != nil {
		return fmt.Errorf("measure rows: %w", safe(err))
	}
	m.progress(m.total/2, "Writing members")
	return m.apply(ctx, whole)
}

// apply writes a span. If the database refuses it, its halves are tried, down
// to the single rows at fault, which are set aside. The halves go in the order
// of the ID numbers, and what was undone has given its locks back, so the order
// of locks stays.
func (m *merge) apply(ctx context.Context, s span) error {
	if _, err := m.tx.ExecContext(ctx, "SAVEPOINT span"); err != nil {
		return fmt.Errorf("write members: %w", safe(err))
	}
	err := m.write(ctx, s)
	refused, mayRefuse := refusable(err)
	end := "RELEASE SAVEPOINT span"
	switch {
	case mayRefuse:
		end = "ROLLBACK TO SAVEPOINT span; " + end
	case err != nil:
		return err
	}
	if _, err := m.tx.ExecContext(ctx, end); err != nil {
		return fmt.Errorf("write members: %w", safe(err))
	}
	switch {
	case !mayRefuse:
		return nil
	case s.count == 1:
		return m.setAside(ctx, s, refused)
	}
	var middle string
	left := s.count / 2
	if err := m.tx.GetContext(ctx, &middle, `SELECT id_number FROM incoming WHERE id_number > $1 AND id_number <= $2
ORDER BY id_number OFFSET $3 LIMIT 1`, s.after, s.upTo, left-1); err != nil {
		return fmt.Errorf("halve rows: %w", safe(err))
	}
	if err := m.apply(ctx, span{s.after, middle, left}); err != nil {
		return err
	}
	return m.apply(ctx, span{middle, s.upTo, s.count - left})
}

func (m *merge) write(ctx context.Context, s span) error {
	step := func(name, sql string, args ...any) (n int64, err error) {
		ctx, span := postgres.Span(ctx, name)
		defer func() { events.EndSpan(span, err) }()
		res, err := m.tx.ExecContext(ctx, sql, args...)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, safe(err))
		}
		return res.RowsAffected()
	}
	inserted, err := step("insert members", insertNew, m.jobID, s.after, s.upTo, m.now)
	if err != nil || inserted == int64(s.count) {
		return err // nobody was a member before
	}
	if _, err := step("record changes", recordChanges, m.jobID, s.after, s.upTo); err != nil {
		return err
	}
	_, err = step("update members", updateChanged, m.jobID, s.after, s.upTo, m.now)
	return err
}

// setAside records that the one row of a span is refused.
func (m *merge) setAside(ctx context.Context, s span, refused *pq.Error) error {
	column, err := m.misfit(ctx, s)
	if err != nil {
		return err
	}
	_, err = m.tx.ExecContext(ctx, `INSERT INTO job_outcomes (job_id, n, id_number, result, error)
SELECT $1, n, id_number, 'refused', $3 FROM incoming WHERE id_number = $2`, m.jobID, s.upTo, refusal(refused, column))
	if err != nil {
		return fmt.Errorf("set row aside: %w", safe(err))
	}
	return nil
}

// misfit names the column whose value its type cannot take, "" if there is
// none: PostgreSQL itself does not say.
func (m *merge) misfit(ctx context.Context, s span) (string, error) {
	for _, c := range columns {
		if c.typ == "" {
			continue
		}
		if _, err := m.tx.ExecContext(ctx, "SAVEPOINT misfit"); err != nil {
			return "", fmt.Errorf("find misfit: %w", safe(err))
		}
		var fits bool
		err := m.tx.GetContext(ctx, &fits, "SELECT "+c.incoming()+" IS NOT NULL FROM incoming i WHERE id_number = $1", s.upTo)
		_, bad := refusable(err)
		if err != nil && !bad {
			return "", fmt.Errorf("find misfit: %w", safe(err))
		}
		if _, err := m.tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT misfit; RELEASE SAVEPOINT misfit"); err != nil {
			return "", fmt.Errorf("find misfit: %w", safe(err))
		}
		if bad {
			return c.name, nil
		}
	}
	return "", nil
}

// setAsideBroken takes the rows that could not be sent out of incoming.
func (m *merge) setAsideBroken(ctx context.Context) (int, error) {
	var first string
	switch err := m.tx.GetContext(ctx, &first, `SELECT id_number FROM incoming WHERE broken IS NOT NULL LIMIT 1`); {
	case errors.Is(err, sql.ErrNoRows):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("find broken rows: %w", safe(err))
	}
	res, err := m.tx.ExecContext(ctx, `WITH gone AS (DELETE FROM incoming WHERE broken IS NOT NULL RETURNING n, id_number, broken)
INSERT INTO job_outcomes (job_id, n, id_number, result, error)
SELECT $1, n, id_number, 'refused', 'The database refused the row: a text holds a character that cannot be stored, ' || broken || ' (22021).'
FROM gone`, m.jobID)
	if err != nil {
		return 0, fmt.Errorf("set broken rows aside: %w", safe(err))
	}
	n, err := res.RowsAffected()
	return int(n), err
}
