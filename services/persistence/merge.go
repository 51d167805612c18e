package persistence

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/services/postgres"
)

// merge writes one job within one transaction.
type merge struct {
	tx   *sqlx.Tx
	conn *sqlx.Conn // the connection of tx
	job  *events.Job
	// area is where the job may read and change members.
	area *access.Bounds
	now  time.Time
	mode events.Mode
	sql  statements
	// regions are the sub-regions of wards.
	regions   map[string]string
	openSpool func() (*os.File, error)
	// total is the number of rows, for the progress.
	total    int
	progress func(done int, message string)
}

// idRange is the part of incoming whose ID numbers are above after and up to
// upTo: count rows.
type idRange struct {
	after, upTo string
	count       int
}

// run writes people and the outcome of each. It returns false if another worker has
// done so already.
func (m *merge) run(ctx context.Context, people iter.Seq2[person, error]) (claimed bool, err error) {
	claimed, err = claimLedger(ctx, m.tx, m.job, m.now)
	if err == nil && claimed {
		err = m.write(ctx, people)
	}
	return claimed, err
}

// write writes people and the outcome of each.
func (m *merge) write(ctx context.Context, people iter.Seq2[person, error]) (err error) {
	r, err := m.loadRoll(ctx, people)
	if err != nil {
		return err
	}
	defer func() { err = joinClose(err, &r.spool) }()
	if len(r.people) == 0 {
		return nil
	}
	m.progress(m.total/2, "Writing members")
	if err := m.writeDirect(ctx, r); err != nil {
		return err
	}
	if left := r.with(compared); len(left) > 0 {
		return m.writeCompared(ctx, r, left)
	}
	return nil
}

func joinClose(err error, s *spool) error { return errors.Join(err, s.close()) }

// writeCompared writes people by what the database finds that they change.
func (m *merge) writeCompared(ctx context.Context, r *roll, people []int32) error {
	if err := m.loadIncoming(ctx, r, people); err != nil {
		return err
	}
	broken, err := m.refuseBrokenRows(ctx)
	if err != nil || len(people) == broken {
		return err
	}
	all := idRange{count: len(people) - broken}
	if err := m.tx.GetContext(ctx, &all.upTo, `SELECT max(id_number) FROM incoming`); err != nil {
		return fmt.Errorf("find last row: %w", redact(err))
	}
	return m.applyRange(ctx, all)
}

// applyRange writes a range. If the database refuses it because of a row's
// values, it tries each half, down to the single rows at fault, and refuses
// those. The halves go in the order of the ID numbers. Who was a member before is
// locked already.
func (m *merge) applyRange(ctx context.Context, r idRange) error {
	if _, err := m.tx.ExecContext(ctx, "SAVEPOINT id_range"); err != nil {
		return fmt.Errorf("write members: %w", redact(err))
	}
	err := m.writeRange(ctx, r)
	cause, isRowError := asRowError(err)
	end := "RELEASE SAVEPOINT id_range"
	switch {
	case isRowError:
		end = "ROLLBACK TO SAVEPOINT id_range; " + end
	case err != nil:
		return err
	}
	if _, err := m.tx.ExecContext(ctx, end); err != nil {
		return fmt.Errorf("write members: %w", redact(err))
	}
	switch {
	case !isRowError:
		return nil
	case r.count == 1:
		return m.refuseRow(ctx, r, cause)
	}
	var middle string
	half := r.count / 2
	if err := m.tx.GetContext(ctx, &middle, `SELECT id_number FROM incoming WHERE id_number > $1 AND id_number <= $2
ORDER BY id_number OFFSET $3 LIMIT 1`, r.after, r.upTo, half-1); err != nil {
		return fmt.Errorf("halve rows: %w", redact(err))
	}
	if err := m.applyRange(ctx, idRange{r.after, middle, half}); err != nil {
		return err
	}
	return m.applyRange(ctx, idRange{middle, r.upTo, r.count - half})
}

// step executes a statement about the members of a range and returns how many rows
// it has written.
func (m *merge) step(ctx context.Context, name, sql string, args ...any) (n int64, err error) {
	ctx, span := postgres.Span(ctx, name)
	defer func() { events.EndSpan(span, err) }()
	res, err := m.tx.ExecContext(ctx, sql, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, redact(err))
	}
	return res.RowsAffected()
}

func (m *merge) writeRange(ctx context.Context, r idRange) error {
	done, err := m.takeUnchanged(ctx, &r)
	if err != nil || done {
		return err
	}
	var strangers int64
	if m.mode == events.ModeUpdate {
		strangers, err = m.step(ctx, "lock members", lockKnownSQL, m.job.ID, r.after, r.upTo)
	} else {
		strangers, err = m.step(ctx, "insert members", insertNewSQL, m.job.ID, r.after, r.upTo, m.now)
	}
	if err != nil || strangers == int64(r.count) {
		return err // nobody was a member before
	}
	if err := m.setAsideOutside(ctx, r); err != nil {
		return err
	}
	if m.mode == events.ModeCreate {
		_, err := m.step(ctx, "record known members", recordKnownSQL, m.job.ID, r.after, r.upTo)
		return err
	}
	if _, err := m.step(ctx, "record changes", m.sql.recordChanges, m.job.ID, r.after, r.upTo); err != nil {
		return err
	}
	_, err = m.step(ctx, "update members", m.sql.updateChanged, m.job.ID, r.after, r.upTo, m.now)
	return err
}

// takeUnchanged takes the rows that change nothing out of a range of members, and done says
// that there are no others. Where strangers are among members, one statement has to find
// out who is who.
func (m *merge) takeUnchanged(ctx context.Context, r *idRange) (done bool, err error) {
	// Whether a member lies outside of the job's area is decided under the lock.
	if m.mode == events.ModeCreate || !m.area.Everywhere() {
		return false, nil
	}
	var known int
	if err := m.tx.GetContext(ctx, &known, countKnownSQL, r.after, r.upTo); err != nil {
		return false, fmt.Errorf("count members: %w", redact(err))
	}
	if known < r.count {
		return false, nil
	}
	n, err := m.step(ctx, "record unchanged members", m.sql.takeUnchanged, m.job.ID, r.after, r.upTo,
		!m.job.Options.DryRun)
	r.count -= int(n)
	return r.count == 0, err
}
