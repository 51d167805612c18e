package jobs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
)

const (
	// saveTime is for one row.
	saveTime = 5 * time.Second
	// trySaveTime is how long somebody who waits for an answer waits for the table.
	trySaveTime = 3 * time.Second
)

// Save makes the row of a job what its facts say, unless the row knows newer ones.
func (t *Table) Save(ctx context.Context, j *events.Job) (err error) {
	ctx, span := postgres.Span(ctx, "project job")
	defer func() { events.EndSpan(span, err) }()
	ctx, cancel := context.WithTimeout(ctx, saveTime)
	defer cancel()
	return save(ctx, t.db, upsertJob, j)
}

// TrySave is Save for somebody who has just appended a fact and may list jobs at
// once. A failure is logged: the projection saves the job in any case. It goes on
// when ctx ends.
func (t *Table) TrySave(ctx context.Context, j *events.Job) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trySaveTime)
	defer cancel()
	if err := t.Save(ctx, j); err != nil {
		t.logger.WarnContext(ctx, "job not in the list yet; the projection will add it", "job", j.ID, "err", err)
	}
}

func save(ctx context.Context, db sqlx.ExtContext, statement string, j *events.Job) error {
	r, err := rowOf(j)
	if err == nil {
		_, err = sqlx.NamedExecContext(ctx, db, statement, r)
	}
	if err != nil {
		return fmt.Errorf("save job %s: %w", j.ID, err)
	}
	return nil
}

var replaceJob = func() string {
	sets := make([]string, 0, len(rowColumns)-1)
	for _, c := range rowColumns[1:] {
		sets = append(sets, c+" = excluded."+c)
	}
	return `INSERT INTO jobs (` + strings.Join(rowColumns, ", ") + `) VALUES (:` + strings.Join(rowColumns, ", :") + `)
		ON CONFLICT (job_id) DO UPDATE SET ` + strings.Join(sets, ", ")
}()

// upsertJob leaves a row alone that knows newer facts.
var upsertJob = replaceJob + ` WHERE jobs.seq < excluded.seq`
