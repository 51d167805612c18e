package rowhistory

import (
	"context"
	"fmt"
	"time"
)

// Naming is a row of a job that names a person.
type Naming struct {
	JobID string    `db:"job_id"`
	Row   int       `db:"n"`
	At    time.Time `db:"uploaded_at"` // when the job was uploaded
}

// Find returns the rows of written jobs that name a person, the newest first, as far as
// what the jobs overwrote is kept; limit at most. The ID number has 13 digits.
func (r *Reader) Find(ctx context.Context, id string, until time.Time, limit int) (list []Naming, err error) {
	err = r.db.SelectContext(ctx, &list, `SELECT o.job_id, o.n, j.created_at AS uploaded_at
FROM job_outcomes o JOIN jobs j USING (job_id)
WHERE o.id_number = $1 AND j.created_at <= $2 ORDER BY j.created_at DESC, o.job_id DESC LIMIT $3`, id, until, limit)
	if err != nil {
		return nil, fmt.Errorf("find a person: %w", err)
	}
	return list, nil
}
