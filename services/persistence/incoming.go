package persistence

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"
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
	names := []string{"n", "id_number", "broken"}
	for _, c := range columns {
		names = append(names, c.name)
	}
	return "COPY incoming (" + list(names) + ") FROM STDIN"
}()

// load copies people into the table incoming and returns how many they are.
func (m *merge) load(ctx context.Context, people iter.Seq2[person, error]) (n int, err error) {
	if _, err := m.tx.ExecContext(ctx, createIncoming); err != nil {
		return 0, fmt.Errorf("create incoming: %w", safe(err))
	}
	stmt, err := m.tx.PrepareContext(ctx, copyIncoming)
	if err != nil {
		return 0, fmt.Errorf("copy rows: %w", safe(err))
	}
	// However it ends, even in a panic: the COPY must be over before the
	// connection can take a ROLLBACK. Its errors are known by then.
	defer func() { _ = stmt.Close() }()
	if n, err = m.copyRows(ctx, stmt, people); err != nil {
		return 0, err
	}
	if err := stmt.Close(); err != nil {
		return 0, fmt.Errorf("copy rows: %w", safe(err))
	}
	// No statistics are gathered on a temporary table by itself.
	if _, err := m.tx.ExecContext(ctx, "ALTER TABLE incoming ADD PRIMARY KEY (id_number); ANALYZE incoming"); err != nil {
		return 0, fmt.Errorf("index rows: %w", safe(err))
	}
	return n, m.fillRegions(ctx)
}

func (m *merge) copyRows(ctx context.Context, stmt *sql.Stmt, people iter.Seq2[person, error]) (n int, err error) {
	values := make([]any, 3+len(columns))
	for p, err := range people {
		if err != nil {
			return 0, err
		}
		fill(values, p)
		if _, err := stmt.ExecContext(ctx, values...); err != nil {
			return 0, fmt.Errorf("copy row %d: %w", p.row.N, safe(err))
		}
		n++
		// Loading is about half of the work.
		m.progress(n/2, "Loading the rows")
	}
	if _, err := stmt.ExecContext(ctx); err != nil {
		return 0, fmt.Errorf("copy rows: %w", safe(err))
	}
	return n, nil
}

// fill sets the values of a row of incoming.
func fill(values []any, p person) {
	values[0], values[1], values[2] = p.row.N, p.row.ID, nil
	for i := range columns {
		values[3+i] = nil
		switch text := columns[i].value(p); {
		case text == "":
		case strings.ContainsRune(text, 0):
			// The one character that PostgreSQL's text cannot hold.
			values[2] = columns[i].name
		default:
			values[3+i] = text
		}
	}
}

func list(names []string) string { return strings.Join(names, ", ") }
