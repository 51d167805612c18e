package persistence

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
)

// createIncomingSQL makes the table of the rows that the database compares with members.
// Its columns are text, so that a value that does not fit its type refuses one row and not
// the whole COPY. broken names a column whose value cannot even be sent as text, guessed
// the fields that validation guessed, cleared those that the row empties.
var createIncomingSQL = func() string {
	var b strings.Builder
	b.WriteString("CREATE TEMPORARY TABLE incoming (n integer NOT NULL, id_number text NOT NULL, row_digest uuid, " +
		"guessed text, cleared text[], broken text")
	for _, c := range columns {
		b.WriteString(", " + c.name + " text")
	}
	b.WriteString(") ON COMMIT DROP")
	return b.String()
}()

var copyIncomingSQL = "COPY incoming (" + lineColumnsSQL + ", " + regionColumn + ", " + statusColumn +
	", n, guessed, cleared, broken) FROM STDIN"

// PostgreSQL gathers no statistics on a temporary table by itself. ANALYZE takes
// the columns that joins and conditions use; all columns would take longer than
// the COPY.
const indexIncomingSQL = "ALTER TABLE incoming ADD PRIMARY KEY (id_number); " +
	"ANALYZE incoming (n, id_number, region, ward_code)"

// loadIncoming copies people of the roll into the table incoming.
func (m *merge) loadIncoming(ctx context.Context, r *roll, people []int32) (err error) {
	ctx, span := postgres.Span(ctx, "copy rows to compare")
	defer func() { events.EndSpan(span, err) }()
	if _, err := m.tx.ExecContext(ctx, createIncomingSQL); err != nil {
		return fmt.Errorf("create incoming: %w", redact(err))
	}
	if err := m.copyIn(ctx, copyIncomingSQL, r.linesOf(people, false, ""), func(int) {}); err != nil {
		return err
	}
	if _, err := m.tx.ExecContext(ctx, indexIncomingSQL); err != nil {
		return fmt.Errorf("index rows: %w", redact(err))
	}
	if !r.unplaced {
		return nil
	}
	return m.fillRegions(ctx)
}

// copyStmt is the driver's statement of a COPY. It takes many whole lines at a
// time, where database/sql would pass each value by itself.
type copyStmt interface {
	driver.Stmt
	// CopyData appends the newline of the last line.
	CopyData(ctx context.Context, line string) (driver.Result, error)
}

func prepareCopy(ctx context.Context, driverConn any, sql string) (copyStmt, error) {
	prepared, err := driverConn.(driver.ConnPrepareContext).PrepareContext(ctx, sql)
	if err != nil {
		return nil, err
	}
	return prepared.(copyStmt), nil
}

// withDriver runs f with the driver's connection. f must only call the driver,
// and its error bypasses Raw: at a bad connection or a panic, Raw would close the
// connection, which waits for the transaction to end, which waits for Raw.
func (m *merge) withDriver(f func(driverConn any) error) (err error) {
	closed := m.conn.Raw(func(driverConn any) error { err = f(driverConn); return nil })
	return errors.Join(closed, err)
}

func commaList(names []string) string { return strings.Join(names, ", ") }

// readRegions returns the sub-regions of wards. They are read once per job, so recorded
// and written values agree even if a new mapping is loaded meanwhile.
func (m *merge) readRegions(ctx context.Context) (map[string]string, error) {
	rows, err := m.tx.QueryContext(ctx, `SELECT ward_code, sub_region FROM ward_regions WHERE sub_region IS NOT NULL`)
	if err != nil {
		return nil, fmt.Errorf("read regions: %w", redact(err))
	}
	defer func() { _ = rows.Close() }() // rows.Err has the error
	regions := map[string]string{}
	for rows.Next() {
		var ward, region string
		if err := rows.Scan(&ward, &region); err != nil {
			return nil, fmt.Errorf("read regions: %w", redact(err))
		}
		regions[ward] = region
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read regions: %w", redact(err))
	}
	return regions, nil
}

// fillRegionsSQL sets the region of each row whose file names neither a region nor a ward.
// It takes the region that the mapping has for the member's ward: that of an earlier file,
// else the IEC's. The members are locked.
func fillRegionsSQL(clears bool) string {
	merged := map[string]string{}
	for _, c := range columns {
		merged[c.name] = c.mergedSQL(clears)
	}
	unlessCleared := ""
	if clears {
		unlessCleared = " AND ('region' = ANY (i.cleared)) IS NOT TRUE"
	}
	return `UPDATE incoming target SET region = w.sub_region
FROM incoming i LEFT JOIN members m USING (id_number)
JOIN unnest($1::text[], $2::text[]) AS w (ward_code, sub_region)
  ON w.ward_code = coalesce(` + merged["ward_code"] + ", " + merged["iec_ward"] + `)
WHERE target.id_number = i.id_number AND i.region IS NULL` + unlessCleared
}

func (m *merge) fillRegions(ctx context.Context) error {
	var wards, regions pq.StringArray
	for ward, region := range m.regions {
		wards, regions = append(wards, ward), append(regions, region)
	}
	if _, err := m.tx.ExecContext(ctx, m.sql.fillRegions, wards, regions); err != nil {
		return fmt.Errorf("fill regions: %w", redact(err))
	}
	return nil
}
