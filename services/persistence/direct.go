package persistence

import (
	"context"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/records"
	"rollcall.example/services/postgres"
)

// directTries is how often strangers are copied. They are members the next time if
// another job has written them meanwhile.
const directTries = 3

// copyStrangersSQL writes new members. COPY writes them page by page, and one after the
// other into the index, where INSERT looks for each in it first.
var copyStrangersSQL = "COPY members (" + lineColumnsSQL + ", " + regionColumn + ", " + statusColumn +
	", created_at, updated_at, created_by_job, updated_by_job) FROM STDIN"

// writeDirect locks the members on the roll, and writes what needs no comparison: strangers
// and rows that change nothing. It leaves the others to be compared, or all where the
// database refuses a stranger.
func (m *merge) writeDirect(ctx context.Context, r *roll) error {
	for range directTries {
		if _, err := m.tx.ExecContext(ctx, "SAVEPOINT direct"); err != nil {
			return fmt.Errorf("write members: %w", redact(err))
		}
		err := m.tryDirect(ctx, r)
		cause, isRowError := asRowError(err)
		end := "RELEASE SAVEPOINT direct"
		switch {
		case isRowError:
			end = "ROLLBACK TO SAVEPOINT direct; " + end // which gives the locks back
		case err != nil:
			return err
		}
		if _, err := m.tx.ExecContext(ctx, end); err != nil {
			return fmt.Errorf("write members: %w", redact(err))
		}
		if !isRowError {
			return nil
		}
		if cause.Constraint != "members_id_number_key" {
			break
		}
	}
	if err := m.lockMembers(ctx, r); err != nil {
		return err
	}
	for i := range r.people {
		r.people[i].fate = compared
	}
	return nil
}

func (m *merge) tryDirect(ctx context.Context, r *roll) error {
	if err := m.lockMembers(ctx, r); err != nil {
		return err
	}
	if m.mode == events.ModeCreate && m.area.Everywhere() {
		r.change(compared, unchanged) // they are known, whatever the rows say
	}
	if err := m.compareOutside(ctx, r); err != nil {
		return err
	}
	strangers, same := r.with(stranger), r.with(unchanged)
	if m.mode == events.ModeUpdate {
		if err := m.recordGroups(ctx, r, records.Unknown, strangers); err != nil {
			return err
		}
	} else if err := m.insertStrangers(ctx, r, strangers); err != nil {
		return err
	}
	if m.mode == events.ModeCreate {
		return m.recordGroups(ctx, r, records.Known, same)
	}
	return m.recordGroups(ctx, r, records.Unchanged, same)
}

// membersOfRollSQL returns where those members are whom the roll does not change.
const membersOfRollSQL = `SELECT a.n, ` + placeColumnsSQL + `
FROM arrivals a JOIN members m USING (id_number) WHERE m.row_digest = a.digest`

// compareOutside leaves those to be compared whose stored member lies outside of the job's
// area. They are set aside there, like the others outside.
func (m *merge) compareOutside(ctx context.Context, r *roll) error {
	if m.area.Everywhere() {
		return nil
	}
	outside, err := findOutside(ctx, m.tx, []*access.Bounds{m.area}, membersOfRollSQL)
	if err != nil {
		return err
	}
	for _, n := range outside {
		p, err := r.row(int32(n))
		if err != nil {
			return err
		}
		p.fate = compared
	}
	return nil
}

// insertStrangers inserts people, who are in the order of their ID numbers.
func (m *merge) insertStrangers(ctx context.Context, r *roll, people []int32) (err error) {
	if len(people) == 0 {
		return nil
	}
	ctx, span := postgres.Span(ctx, "insert members")
	defer func() { events.EndSpan(span, err) }()
	now := m.now.UTC().Format(time.RFC3339Nano)
	rest := "\t" + now + "\t" + now + "\t" + m.job.ID + "\t" + m.job.ID
	if err := m.copyIn(ctx, copyStrangersSQL, r.linesOf(people, true, rest), func(int) {}); err != nil {
		return err
	}
	return m.recordGroups(ctx, r, records.Inserted, people)
}

// change gives those of one fate another one, but for rows that have to be compared.
func (r *roll) change(from, to fate) {
	for i := range r.people {
		if p := &r.people[i]; p.fate == from && !p.compare {
			p.fate = to
		}
	}
}
