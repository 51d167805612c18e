package persistence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/events/stage"
	"rollcall.example/services/postgres"
)

// roll is who is on the roll of a job, and what their lines are.
type roll struct {
	lines  lines
	spool  spool
	people []arrival
	// unplaced says that the region of a member depends on the stored ward.
	unplaced bool
}

// The table of who is on the roll. It has no index: it is read as a whole.
const (
	createArrivalsSQL = `CREATE TEMPORARY TABLE arrivals (
  n integer NOT NULL, id_number text NOT NULL, digest uuid NOT NULL) ON COMMIT DROP`
	copyArrivalsSQL = "COPY arrivals (n, id_number, digest) FROM STDIN"
)

// loadRoll reads people, and tells the database who they are. Their lines are kept until
// it has said who is a member.
func (m *merge) loadRoll(ctx context.Context, people iter.Seq2[person, error]) (_ *roll, err error) {
	ctx, span := postgres.Span(ctx, "copy rows")
	defer func() { events.EndSpan(span, err) }()
	if m.regions, err = m.readRegions(ctx); err != nil {
		return nil, err
	}
	if _, err := m.tx.ExecContext(ctx, createArrivalsSQL); err != nil {
		return nil, fmt.Errorf("create arrivals: %w", redact(err))
	}
	r := &roll{spool: spool{open: m.openSpool}, people: make([]arrival, 0, m.total)}
	r.lines = lines{clears: m.job.Options.AllowClear, regions: m.regions, all: wholeMapping(m.regions)}
	// Loading is half of the work.
	err = m.copyIn(ctx, copyArrivalsSQL, r.read(people), func(n int) { m.progress(n/2, "Loading the rows") })
	if err != nil {
		return nil, joinClose(err, &r.spool)
	}
	slices.SortFunc(r.people, func(a, b arrival) int { return cmp.Compare(a.n, b.n) })
	return r, nil
}

// read yields the lines of arrivals, and keeps those of the people.
func (r *roll) read(people iter.Seq2[person, error]) iter.Seq2[chunk, error] {
	return func(yield func(chunk, error) bool) {
		c := newChunker(yield)
		for p, err := range people {
			if err == nil {
				err = r.spool.flush()
			}
			if err != nil {
				yield(chunk{}, err)
				return
			}
			var a arrival
			var digest string
			at := r.spool.end()
			r.spool.tail, a, digest = r.lines.next(r.spool.tail, p)
			a.at = at
			r.people = append(r.people, a)
			r.unplaced = r.unplaced || a.unplaced
			c.lines = strconv.AppendInt(c.lines, int64(a.n), 10)
			c.lines = appendCopyValue(append(c.lines, '\t'), p.row.ID)
			c.lines = append(append(append(c.lines, '\t'), digest...), '\n')
			if !c.next() {
				return
			}
		}
		c.end()
	}
}

// row returns who is in a row.
func (r *roll) row(n int32) (*arrival, error) {
	i, found := slices.BinarySearchFunc(r.people, n, func(a arrival, n int32) int { return cmp.Compare(a.n, n) })
	if !found {
		return nil, fmt.Errorf("row %d is not on the roll", n)
	}
	return &r.people[i], nil
}

// with returns the indexes of those of a fate, in the order of their ID numbers.
func (r *roll) with(f fate) (list []int32) {
	for i := range r.people {
		if r.people[i].fate == f {
			list = append(list, int32(i))
		}
	}
	slices.SortFunc(list, func(a, b int32) int { return cmp.Compare(r.people[a].id, r.people[b].id) })
	return list
}

// linesOf yields the lines of people, with the part that asks for it and what all have.
func (r *roll) linesOf(people []int32, asNew bool, rest string) iter.Seq2[chunk, error] {
	return func(yield func(chunk, error) bool) {
		c := newChunker(yield)
		for _, i := range people {
			a := &r.people[i]
			size := a.same
			if asNew {
				size += a.asNew
			}
			line, err := r.spool.appendTo(c.lines, a.at, int(size))
			if err == nil && !asNew {
				line, err = r.spool.appendTo(line, a.at+int64(a.same+a.asNew), int(a.asMember))
			}
			if err != nil {
				yield(chunk{}, err)
				return
			}
			c.lines = append(append(line, rest...), '\n')
			if !c.next() {
				return
			}
		}
		c.end()
	}
}

// chunk is lines of COPY without the last newline. people counts the rows from
// the first chunk to the end of this one.
type chunk struct {
	lines  string
	people int
}

const (
	copySize    = 60 << 10 // bytes that the driver gets at once
	chunksAhead = 4
)

// chunker makes chunks of lines.
type chunker struct {
	yield func(chunk, error) bool
	lines []byte
	n     int
}

func newChunker(yield func(chunk, error) bool) *chunker {
	return &chunker{yield: yield, lines: make([]byte, 0, copySize+copySize/4)}
}

// next ends a line. It returns false when nobody wants more.
func (c *chunker) next() bool {
	c.n++
	return len(c.lines) < copySize || c.flush()
}

func (c *chunker) flush() bool {
	lines := string(c.lines[:len(c.lines)-1])
	c.lines = c.lines[:0]
	return c.yield(chunk{lines, c.n}, nil)
}

func (c *chunker) end() {
	if len(c.lines) > 0 {
		c.flush()
	}
}

// lockMembersSQL locks those of the roll who are members, in the order of their ID
// numbers, and returns the rows that change nothing and the others. It is the first
// statement of each job that takes locks, and one statement takes all of them in one
// order, so jobs with the same people wait for each other and never deadlock. Strangers
// are inserted after it, in that order too.
const lockMembersSQL = `WITH locked AS MATERIALIZED (
  SELECT a.n, m.row_digest = a.digest AS same FROM arrivals a JOIN members m USING (id_number)
  ORDER BY m.id_number FOR UPDATE OF m
)
SELECT array_agg(n) FILTER (WHERE same), array_agg(n) FILTER (WHERE same IS NOT TRUE) FROM locked GROUP BY n / 8192`

// lockMembers locks the members on the roll, and notes what becomes of whom.
func (m *merge) lockMembers(ctx context.Context, r *roll) (err error) {
	ctx, span := postgres.Span(ctx, "lock members")
	defer func() { events.EndSpan(span, err) }()
	for i := range r.people {
		p := &r.people[i]
		p.fate = stranger
		if p.compare {
			p.fate = compared
		}
	}
	rows, err := m.tx.QueryContext(ctx, lockMembersSQL)
	if err != nil {
		return fmt.Errorf("lock members: %w", redact(err))
	}
	defer func() { _ = rows.Close() }() // rows.Err has the error
	for rows.Next() {
		var same, others pq.Int32Array
		if err := rows.Scan(&same, &others); err != nil {
			return fmt.Errorf("lock members: %w", redact(err))
		}
		if err := errors.Join(r.decide(same, unchanged), r.decide(others, compared)); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("lock members: %w", redact(err))
	}
	return nil
}

// decide gives rows a fate, but for those that have to be compared.
func (r *roll) decide(rows []int32, f fate) error {
	for _, n := range rows {
		p, err := r.row(n)
		if err != nil {
			return err
		}
		if !p.compare {
			p.fate = f
		}
	}
	return nil
}

// copyIn copies chunks into the table of a COPY statement.
func (m *merge) copyIn(ctx context.Context, sql string, chunks iter.Seq2[chunk, error], progress func(int)) error {
	var stmt copyStmt
	err := m.withDriver(func(driverConn any) (err error) { stmt, err = prepareCopy(ctx, driverConn, sql); return err })
	if err != nil {
		return fmt.Errorf("copy rows: %w", redact(err))
	}
	finish := func() error { return m.withDriver(func(any) error { return stmt.Close() }) }
	// However this ends, even in a panic, the COPY must be over before the
	// connection can take a ROLLBACK. Its error is returned where it first occurs.
	defer func() { _ = finish() }()
	for c, err := range stage.ReadAhead(chunksAhead, chunks) {
		if err != nil {
			return err
		}
		err := m.withDriver(func(any) error {
			_, err := stmt.CopyData(ctx, c.lines)
			return err
		})
		if err != nil {
			return fmt.Errorf("copy rows up to %d: %w", c.people, redact(err))
		}
		progress(c.people)
	}
	if err := finish(); err != nil {
		return fmt.Errorf("copy rows: %w", redact(err))
	}
	return nil
}
