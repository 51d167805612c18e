package persistence

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/services/postgres"
)

// outcomeReader reads the outcomes that a job has in the database.
type outcomeReader struct {
	jobID string
	// clears says that the rows may have emptied fields.
	clears bool
	// salt is the key of the digest that each outcome gets; "" for none.
	salt string
}

// each calls write with the outcome of each row, in the order of the rows, and returns
// their counts. Of those that say no more than their result it keeps the numbers.
func (r outcomeReader) each(ctx context.Context, tx *sqlx.Tx,
	write func(*records.Outcome) error) (events.DatabaseStats, error) {
	var stats events.DatabaseStats
	count := func(o *records.Outcome) error {
		if err := countResult(&stats, o.Result); err != nil {
			return err
		}
		return write(o)
	}
	plain, err := r.readGroups(ctx, tx)
	if err != nil {
		return stats, err
	}
	writePlain := func(before int) error {
		for len(plain) > 0 && int(plain[0].n) < before {
			if err := count(plain[0].outcome()); err != nil {
				return err
			}
			plain = plain[1:]
		}
		return nil
	}
	if err := r.eachRow(ctx, tx, func(o *records.Outcome) error {
		if err := writePlain(o.N); err != nil {
			return err
		}
		if len(o.Cleared) > 0 {
			stats.Cleared++
		}
		return count(o)
	}); err != nil {
		return stats, err
	}
	return stats, writePlain(math.MaxInt)
}

// eachRow calls write with what each row of a table says. That is the view with all
// outcomes where they need a digest, and the table of those that are no groups where not.
func (r outcomeReader) eachRow(ctx context.Context, tx *sqlx.Tx, write func(*records.Outcome) error) error {
	from, cleared, written, members := "job_outcome_rows", "NULL::text[]", "NULL::text", ""
	if r.clears {
		cleared = clearedSQL
	}
	if r.salt != "" {
		from, written, members = "job_outcomes", overwrittenSQL, seenMembersSQL
	}
	rows, err := tx.QueryContext(ctx, `SELECT o.n, o.result, o.changed, coalesce(o.vd_code, ''), coalesce(o.error, ''),
  o.before->>'ward_code', o.after->>'ward_code', o.before->>'vd_code', o.after->>'vd_code', `+cleared+`, `+
		written+`
FROM `+from+` o`+members+` WHERE o.job_id = $1 ORDER BY o.n`, r.jobID)
	if err != nil {
		return fmt.Errorf("read outcomes: %w", redact(err))
	}
	defer func() { _ = rows.Close() }() // rows.Err has the error
	for rows.Next() {
		var o records.Outcome
		var was, is [2]sql.NullString
		var line sql.RawBytes
		if err := rows.Scan(&o.N, &o.Result, (*pq.StringArray)(&o.Changed), &o.VD, &o.Error, &was[0], &is[0], &was[1],
			&is[1], (*pq.StringArray)(&o.Cleared), &line); err != nil {
			return fmt.Errorf("read outcomes: %w", redact(err))
		}
		if r.salt != "" {
			o.Digest = rowDigest(r.salt, line)
		}
		for i, name := range []string{"ward_code", "vd_code"} {
			if slices.Contains(o.Changed, name) {
				o.Before, o.After = setValue(o.Before, name, was[i]), setValue(o.After, name, is[i])
			}
		}
		if err := write(&o); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read outcomes: %w", redact(err))
	}
	return nil
}

// plainOutcome is an outcome of a group.
type plainOutcome struct {
	n, vd  int32 // vd is -1 for none
	result uint8 // of groupResults
}

// groupResults are the results that outcomes of groups have.
var groupResults = []string{records.Inserted, records.Unchanged, records.Known, records.Unknown}

func (p plainOutcome) outcome() *records.Outcome {
	o := &records.Outcome{N: int(p.n), Result: groupResults[p.result]}
	if p.vd >= 0 {
		o.VD = fmt.Sprintf("%08d", p.vd)
	}
	return o
}

// readGroups returns the outcomes in groups, in the order of the rows. With a salt they
// are read like the others.
func (r outcomeReader) readGroups(ctx context.Context, tx *sqlx.Tx) (list []plainOutcome, err error) {
	if r.salt != "" {
		return nil, nil
	}
	rows, err := tx.QueryContext(ctx, `SELECT result, ns, array_replace(vd_codes, NULL, -1) FROM job_outcome_groups
WHERE job_id = $1`, r.jobID)
	if err != nil {
		return nil, fmt.Errorf("read outcomes: %w", redact(err))
	}
	defer func() { _ = rows.Close() }() // rows.Err has the error
	for rows.Next() {
		var result string
		var ns, vds pq.Int32Array
		if err := rows.Scan(&result, &ns, &vds); err != nil {
			return nil, fmt.Errorf("read outcomes: %w", redact(err))
		}
		is := slices.Index(groupResults, result)
		if is < 0 {
			return nil, fmt.Errorf("read outcomes: result %q is unknown", result)
		}
		for i, n := range ns {
			list = append(list, plainOutcome{n, vds[i], uint8(is)})
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read outcomes: %w", redact(err))
	}
	slices.SortFunc(list, func(a, b plainOutcome) int { return cmp.Compare(a.n, b.n) })
	return list, nil
}

// clearedSQL returns the columns that a row has emptied.
var clearedSQL = func() string {
	var names []string
	for _, c := range columns {
		if c.clearable() {
			names = append(names, "'"+c.name+"'")
		}
	}
	return `CASE WHEN o.result = 'updated' THEN
  ARRAY(SELECT c FROM unnest(o.changed) c WHERE NOT o.after ? c AND c IN (` + commaList(names) + `)) END`
}()

func setValue(m map[string]string, name string, v sql.NullString) map[string]string {
	if !v.Valid {
		return m
	}
	if m == nil {
		m = make(map[string]string, 2)
	}
	m[name] = v.String
	return m
}

func countResult(s *events.DatabaseStats, result string) error {
	s.Total++
	switch result {
	case records.Inserted:
		s.Inserts++
	case records.Updated:
		s.Updates++
	case records.Unchanged:
		s.Unchanged++
	case records.Refused:
		s.Errors++
	case records.Removed:
		s.Removed++
	case records.Kept:
		s.Kept++
	case records.Transfer:
		s.Transfers++
	case records.Objected:
		s.Objected++
	case records.Known:
		s.Known++
	case records.Unknown:
		s.Unknown++
	default:
		return fmt.Errorf("read outcomes: result %q is unknown", result)
	}
	return nil
}

// groupSize is how many outcomes are in a row of job_outcome_groups. An erasure reads one
// row of each job.
const groupSize = 256

const copyGroupsSQL = "COPY job_outcome_groups (job_id, result, first_id, last_id, id_numbers, ns, vd_codes) FROM STDIN"

// recordGroups records the outcome of people, who are in the order of their ID numbers.
func (m *merge) recordGroups(ctx context.Context, r *roll, result string, people []int32) (err error) {
	if len(people) == 0 {
		return nil
	}
	ctx, span := postgres.Span(ctx, "record outcomes")
	defer func() { events.EndSpan(span, err) }()
	return m.copyIn(ctx, copyGroupsSQL, r.groups(m.job.ID, result, people), func(int) {})
}

// groups yields the lines of job_outcome_groups.
func (r *roll) groups(jobID, result string, people []int32) iter.Seq2[chunk, error] {
	// Whom the job neither adds nor changes has no voting district of it.
	hasVD := result != records.Known && result != records.Unknown
	return func(yield func(chunk, error) bool) {
		c := newChunker(yield)
		for group := range slices.Chunk(people, groupSize) {
			first, last := r.people[group[0]].id, r.people[group[len(group)-1]].id
			b := append(append(append(append(c.lines, jobID...), '\t'), result...), '\t')
			b = strconv.AppendUint(append(strconv.AppendUint(b, first, 10), '\t'), last, 10)
			array := func(one func(b []byte, a *arrival) []byte) {
				b = append(b, '\t', '{')
				for i, at := range group {
					if i > 0 {
						b = append(b, ',')
					}
					b = one(b, &r.people[at])
				}
				b = append(b, '}')
			}
			array(func(b []byte, a *arrival) []byte { return strconv.AppendUint(b, a.id, 10) })
			array(func(b []byte, a *arrival) []byte { return strconv.AppendInt(b, int64(a.n), 10) })
			array(func(b []byte, a *arrival) []byte {
				if !hasVD || a.vd < 0 {
					return append(b, "NULL"...)
				}
				return strconv.AppendInt(b, int64(a.vd), 10)
			})
			c.lines = append(b, '\n')
			if !c.next() {
				return
			}
		}
		c.end()
	}
}
