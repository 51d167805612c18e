package persistence

import (
	"cmp"
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/records"
	"rollcall.example/services/postgres"
)

// storedPlace is where a member is, as the table has it; "" for NULL.
type storedPlace struct {
	N               int    `db:"n"`
	Ward            string `db:"ward_code"`
	Municipality    string `db:"municipality"`
	Province        string `db:"province"`
	IECWard         string `db:"iec_ward"`
	IECMunicipality string `db:"iec_municipality_code"`
	IECProvince     string `db:"iec_province"`
	// Waits says that the row waited already, in a job that is undone, and Gone
	// that nobody is a member any more.
	Waits bool `db:"waits"`
	Gone  bool `db:"gone"`
}

// place returns the place that the rolls have given, or the IEC's where they have
// given none.
func (p *storedPlace) place() access.Place {
	roll := access.Place{Province: p.Province, Municipality: p.Municipality, Ward: p.Ward}
	return cmp.Or(roll, access.Place{Province: p.IECProvince, Municipality: p.IECMunicipality, Ward: p.IECWard})
}

const placeColumnsSQL = `coalesce(m.ward_code, '') AS ward_code, coalesce(m.municipality, '') AS municipality,
  coalesce(m.province, '') AS province, coalesce(m.iec_ward, '') AS iec_ward,
  coalesce(m.iec_municipality_code, '') AS iec_municipality_code, coalesce(m.iec_province, '') AS iec_province`

// membersInRangeSQL returns where those are who were members before. They are
// locked, so nobody moves them until this transaction ends.
const membersInRangeSQL = `SELECT i.n, ` + placeColumnsSQL + `
FROM incoming i JOIN members m USING (id_number)
WHERE ` + inRangeSQL + ` AND NOT EXISTS (SELECT FROM job_outcome_rows o WHERE o.job_id = $1::text AND o.n = i.n)`

// setAsideOutside gives the rows of a range whose stored member lies outside of the
// job's area their outcome, which says nothing else. The statements after it leave
// those rows out. It comes after the locks: only what is true under them counts.
//
// A job that adds nobody does not tell a member outside from somebody who is no
// member.
func (m *merge) setAsideOutside(ctx context.Context, r idRange) (err error) {
	if m.area.Everywhere() {
		return nil
	}
	ctx, span := postgres.Span(ctx, "set aside members outside")
	defer func() { events.EndSpan(span, err) }()
	outside, err := findOutside(ctx, m.tx, []*access.Bounds{m.area}, membersInRangeSQL, m.job.ID, r.after, r.upTo)
	if err != nil || len(outside) == 0 {
		return err
	}
	result := records.Transfer
	if m.mode == events.ModeUpdate {
		result = records.Unknown
	}
	_, err = m.tx.ExecContext(ctx, `INSERT INTO job_outcome_rows (job_id, n, id_number, result)
SELECT $1, n, id_number, $2 FROM incoming WHERE n = ANY ($3)`, m.job.ID, result, pq.Array(outside))
	if err != nil {
		return fmt.Errorf("set aside members outside: %w", redact(err))
	}
	return nil
}

// findOutside returns the rows of a query for storedPlace that lie outside of one of
// the areas. The rule is that of package access, and SQL does not repeat it.
func findOutside(ctx context.Context, tx *sqlx.Tx, areas []*access.Bounds, query string, args ...any) ([]int64, error) {
	rows, err := tx.QueryxContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("find members outside: %w", redact(err))
	}
	defer func() { _ = rows.Close() }() // rows.Err has the error
	var outside []int64
	for rows.Next() {
		var p storedPlace
		if err := rows.StructScan(&p); err != nil {
			return nil, fmt.Errorf("find members outside: %w", redact(err))
		}
		waits := p.Waits
		for _, area := range areas {
			waits = waits || !p.Gone && !area.Contain(p.place())
		}
		if waits {
			outside = append(outside, int64(p.N))
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("find members outside: %w", redact(err))
	}
	return outside, nil
}
