package persistence

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"iter"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/stage"
	"rollcall.example/services/postgres"
)

// The rows on their way, as text: a value that its column cannot take must
// refuse its own row and not the whole COPY. Broken marks what cannot even be
// sent as text.
var createIncoming = func() string {
	var b strings.Builder
	b.WriteString("CREATE TEMPORARY TABLE incoming (n integer NOT NULL, id_number text NOT NULL, broken text")
	for _, c := range columns {
		b.WriteString(", " + c.name + " text")
	}
	b.WriteString(") ON COMMIT DROP")
	return b.String()
}()

var copyIncoming = func() string {
	names := []string{"n", "id_number"}
	for _, c := range columns {
		names = append(names, c.name)
	}
	names = append(names, "broken")
	return "COPY incoming (" + list(names) + ") FROM STDIN"
}()

// No statistics are gathered on a temporary table by itself. Those of the
// columns that joins and conditions name suffice; of all it would take longer
// than the COPY.
const indexIncoming = "ALTER TABLE incoming ADD PRIMARY KEY (id_number); ANALYZE incoming (n, id_number, region, ward_code)"

// load copies people into the table incoming and returns how many they are.
func (m *merge) load(ctx context.Context, people iter.Seq2[person, error]) (n int, err error) {
	ctx, span := postgres.Span(ctx, "copy rows")
	defer func() { events.EndSpan(span, err) }()
	if _, err := m.tx.ExecContext(ctx, createIncoming); err != nil {
		return 0, fmt.Errorf("create incoming: %w", safe(err))
	}
	if n, err = m.copyRows(ctx, people); err != nil {
		return 0, err
	}
	if _, err := m.tx.ExecContext(ctx, indexIncoming); err != nil {
		return 0, fmt.Errorf("index rows: %w", safe(err))
	}
	return n, m.fillRegions(ctx)
}

// copyIn is the driver's statement of a COPY. It takes whole lines as they are,
// many at a time, where database/sql would pass each value by itself.
type copyIn interface {
	driver.Stmt
	// CopyData appends the line's end itself.
	CopyData(ctx context.Context, line string) (driver.Result, error)
}

const (
	copySize    = 60 << 10 // how much is handed to the driver at once
	chunksAhead = 4
)

// chunk is lines of COPY, the last one's end left out, and how many people
// there are up to its end.
type chunk struct {
	lines  string
	people int
}

// chunks makes lines of people.
func chunks(people iter.Seq2[person, error]) iter.Seq2[chunk, error] {
	return func(yield func(chunk, error) bool) {
		lines := make([]byte, 0, copySize+copySize/4)
		n := 0
		for p, err := range people {
			if err != nil {
				yield(chunk{}, err)
				return
			}
			lines = appendLine(lines, p)
			n++
			if len(lines) < copySize {
				continue
			}
			if !yield(chunk{string(lines[:len(lines)-1]), n}, nil) {
				return
			}
			lines = lines[:0]
		}
		if len(lines) > 0 {
			yield(chunk{string(lines[:len(lines)-1]), n}, nil)
		}
	}
}

// raw runs f with the driver's connection. The error goes around Raw: at one of
// a broken connection, or at a panic, Raw closes the connection, for which it
// waits until the transaction is over, and that waits for Raw. So f is nothing
// but a call of the driver.
func (m *merge) raw(f func(driverConn any) error) (err error) {
	closed := m.conn.Raw(func(driverConn any) error { err = f(driverConn); return nil })
	return errors.Join(closed, err)
}

func (m *merge) copyRows(ctx context.Context, people iter.Seq2[person, error]) (n int, err error) {
	var stmt copyIn
	err = m.raw(func(driverConn any) error {
		prepared, err := driverConn.(driver.ConnPrepareContext).PrepareContext(ctx, copyIncoming)
		if err == nil {
			stmt = prepared.(copyIn)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("copy rows: %w", safe(err))
	}
	finish := func() error { return m.raw(func(any) error { return stmt.Close() }) }
	// However it ends, even in a panic: the COPY must be over before the
	// connection can take a ROLLBACK. Its errors are known by then.
	defer func() { _ = finish() }()
	for c, err := range stage.ReadAhead(chunksAhead, chunks(people)) {
		if err != nil {
			return 0, err
		}
		err := m.raw(func(any) error {
			_, err := stmt.CopyData(ctx, c.lines)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("copy rows up to %d: %w", c.people, safe(err))
		}
		n = c.people
		// Loading is about half of the work.
		m.progress(n/2, "Loading the rows")
	}
	if err := finish(); err != nil {
		return 0, fmt.Errorf("copy rows: %w", safe(err))
	}
	return n, nil
}

func list(names []string) string { return strings.Join(names, ", ") }
