package rowhistory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/events/person"
	"rollcall.example/events/records"
	"rollcall.example/events/spelling"
)

// Naming is a job that names a person, or may.
type Naming struct {
	JobID string    `db:"job_id"`
	At    time.Time `db:"uploaded_at"` // when the job was uploaded
	// Rows are the rows about the person that the job has decided about; 0 among them says
	// that the index of people has the job, so that others may name the person too.
	Rows pq.Int64Array `db:"rows"`
}

// findSQL asks two indexes: that of outcomes has the rows of a job as soon as it has written
// them, job_people also those that were left out, once the job has ended.
const findSQL = `WITH named AS (
  SELECT job_id, n::bigint AS n FROM outcomes_of($1)
  UNION SELECT job_id, 0 FROM job_people WHERE key_check = $3 AND people && $4)
SELECT j.job_id, j.created_at AS uploaded_at, array_agg(n ORDER BY n) AS rows FROM named JOIN jobs j USING (job_id)
WHERE j.created_at <= $2 GROUP BY j.job_id, j.created_at ORDER BY j.created_at DESC, j.job_id DESC LIMIT $5`

// Find returns the jobs that may name a person, the newest first, limit at most. The ID
// number has 13 digits; key hashes it as the index of people does.
func (r *Reader) Find(ctx context.Context, key *person.Key, id string, until time.Time, limit int) (
	list []Naming, err error) {
	hashes := pq.Int64Array{key.HashInJobs(id), key.HashInJobs(spelling.WithoutZeros(id))}
	tx, err := r.db.BeginTxx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("find a person: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing is written
	// To compare all arrays, of a table that looks small, takes seconds.
	if _, err := tx.ExecContext(ctx, `SET LOCAL enable_seqscan = off`); err != nil {
		return nil, fmt.Errorf("find a person: %w", err)
	}
	if err := tx.SelectContext(ctx, &list, findSQL, id, until, key.JobsCheck(), hashes, limit); err != nil {
		return nil, fmt.Errorf("find a person: %w", err)
	}
	return list, nil
}

// RowsOf returns the rows of a job that are about a person, in order: also those that were
// left out, as far as what the job has read is kept.
func (r *Reader) RowsOf(ctx context.Context, job *events.Job, named Naming, id string) (list []int, err error) {
	indexed := false
	for _, n := range named.Rows {
		if n == 0 {
			indexed = true
		} else {
			list = append(list, int(n))
		}
	}
	f := job.Validated
	if !indexed || f == nil || job.Removed(f.Rows) != nil || job.Removed(f.Rejects) != nil {
		return list, nil
	}
	for row, err := range records.Each[records.Row](ctx, r.store, f.Rows, nil) {
		if err != nil {
			return nil, err
		}
		if row.ID == id {
			list = append(list, row.N)
		}
	}
	for row, err := range records.Each[records.RejectedRow](ctx, r.store, f.Rejects, nil) {
		if err != nil {
			return nil, err
		}
		if row.ID == id || spelling.Read(row.Cell, false).Digits == id {
			list = append(list, row.N)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}
