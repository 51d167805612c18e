package persistence

import (
	"context"
	"fmt"
	"iter"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	personlist "rollcall.example/events/person"
)

// leftOut are the rows of people who have objected since the file was validated.
type leftOut struct {
	objections *personlist.Objections
	rows       []int
}

// filter yields all people but those who have objected.
func (l *leftOut) filter(people iter.Seq2[person, error]) iter.Seq2[person, error] {
	if l.objections.Len() == 0 {
		return people
	}
	return func(yield func(person, error) bool) {
		for p, err := range people {
			if err == nil && l.objections.Has(p.row.ID) {
				l.rows = append(l.rows, p.row.N)
				continue
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

// record stores the outcomes of the rows. They name nobody.
func (l *leftOut) record(ctx context.Context, tx *sqlx.Tx, jobID string) error {
	if len(l.rows) == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO job_outcome_rows (job_id, n, id_number, result)
SELECT $1, n, '', 'objected' FROM unnest($2::int[]) AS n`, jobID, pq.Array(l.rows)); err != nil {
		return fmt.Errorf("record objections: %w", redact(err))
	}
	return nil
}
