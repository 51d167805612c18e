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

// createIncomingSQL makes the table of the rows to merge. Its columns are text, so
// that a value that does not fit its type refuses one row and not the whole COPY.
// broken names a column whose value cannot even be sent as text, guessed the fields
// that validation guessed, cleared those that the row empties.
var createIncomingSQL = func() string {
	var b strings.Builder
	b.WriteString("CREATE TEMPORARY TABLE incoming (n integer NOT NULL, id_number text NOT NULL, guessed text, " +
		"cleared text[], broken text")
	for _, c := range columns {
		b.WriteString(", " + c.name + " text")
	}
	b.WriteString(") ON COMMIT DROP")
	return b.String()
}()

var copyIncomingSQL = func() string {
	names := []string{"n", "id_number"}
	for _, c := range columns {
		names = append(names, c.name)
	}
	names = append(names, "guessed", "cleared", "broken")
	return "COPY incoming (" + commaList(names) + ") FROM STDIN"
}()

// PostgreSQL gathers no statistics on a temporary table by itself. ANALYZE takes
// the columns that joins and conditions use; all columns would take longer than
// the COPY.
const indexIncomingSQL = "ALTER TABLE incoming ADD PRIMARY KEY (id_number); " +
	"ANALYZE incoming (n, id_number, region, ward_code)"

// loadIncoming copies people into the table incoming and returns how many they are.
func (m *merge) loadIncoming(ctx context.Context, people iter.Seq2[person, error]) (n int, err error) {
	ctx, span := postgres.Span(ctx, "copy rows")
	defer func() { events.EndSpan(span, err) }()
	if _, err := m.tx.ExecContext(ctx, createIncomingSQL); err != nil {
		return 0, fmt.Errorf("create incoming: %w", redact(err))
	}
	if n, err = m.copyRows(ctx, people); err != nil {
		return 0, err
	}
	if _, err := m.tx.ExecContext(ctx, indexIncomingSQL); err != nil {
		return 0, fmt.Errorf("index rows: %w", redact(err))
	}
	return n, m.fillRegions(ctx)
}

// copyStmt is the driver's statement of a COPY. It takes many whole lines at a
// time, where database/sql would pass each value by itself.
type copyStmt interface {
	driver.Stmt
	// CopyData appends the newline of the last line.
	CopyData(ctx context.Context, line string) (driver.Result, error)
}

const (
	copySize    = 60 << 10 // bytes that the driver gets at once
	chunksAhead = 4
)

// chunk is lines of COPY without the last newline. people counts the rows from
// the first chunk to the end of this one.
type chunk struct {
	lines  string
	people int
}

// chunkLines writes people as lines of COPY.
func chunkLines(people iter.Seq2[person, error]) iter.Seq2[chunk, error] {
	return func(yield func(chunk, error) bool) {
		lines := make([]byte, 0, copySize+copySize/4)
		n := 0
		for p, err := range people {
			if err != nil {
				yield(chunk{}, err)
				return
			}
			lines = appendCopyLine(lines, p)
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

// withDriver runs f with the driver's connection. f must only call the driver,
// and its error bypasses Raw: at a bad connection or a panic, Raw would close the
// connection, which waits for the transaction to end, which waits for Raw.
func (m *merge) withDriver(f func(driverConn any) error) (err error) {
	closed := m.conn.Raw(func(driverConn any) error { err = f(driverConn); return nil })
	return errors.Join(closed, err)
}

func (m *merge) copyRows(ctx context.Context, people iter.Seq2[person, error]) (n int, err error) {
	var stmt copyStmt
	err = m.withDriver(func(driverConn any) error {
		prepared, err := driverConn.(driver.ConnPrepareContext).PrepareContext(ctx, copyIncomingSQL)
		if err == nil {
			stmt = prepared.(copyStmt)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("copy rows: %w", redact(err))
	}
	finish := func() error { return m.withDriver(func(any) error { return stmt.Close() }) }
	// However this ends, even in a panic, the COPY must be over before the
	// connection can take a ROLLBACK. Its error is returned where it first occurs.
	defer func() { _ = finish() }()
	for c, err := range stage.ReadAhead(chunksAhead, chunkLines(people)) {
		if err != nil {
			return 0, err
		}
		err := m.withDriver(func(any) error {
			_, err := stmt.CopyData(ctx, c.lines)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("copy rows up to %d: %w", c.people, redact(err))
		}
		n = c.people
		// Loading is half of the work.
		m.progress(n/2, "Loading the rows")
	}
	if err := finish(); err != nil {
		return 0, fmt.Errorf("copy rows: %w", redact(err))
	}
	return n, nil
}

func commaList(names []string) string { return strings.Join(names, ", ") }
