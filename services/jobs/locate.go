package jobs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"rollcall.example/events"
)

// location is where a page is in the list.
type location struct {
	total int
	// none says that the list has no such page.
	none bool
	// The page begins skip jobs after from, the end of a day or, oldest first, its
	// beginning, which compare keeps the jobs behind; zero is where the list begins.
	from    time.Time
	compare string
	skip    int
}

// dayCount is how many jobs of a list are of a day, which begins at Start.
type dayCount struct {
	Start time.Time
	Jobs  int
}

// locate finds the page of the filter and counts all.
func (f *Filter) locate(ctx context.Context, tx *sqlx.Tx) (at location, err error) {
	before := (f.Page - 1) * f.Size
	if f.After != nil {
		before = 0
	}
	if f.Search != "" {
		where, args := f.where()
		err := tx.GetContext(ctx, &at.total, `SELECT count(*) FROM jobs WHERE `+where, args...)
		at.none, at.skip = before >= at.total, before
		return at, err
	}
	days, err := f.countDays(ctx, tx)
	if err != nil {
		return at, err
	}
	for _, day := range days {
		at.total += day.Jobs
	}
	if at.none = before >= at.total; at.none || f.After != nil {
		return at, nil
	}
	if !f.OldestFirst {
		slices.Reverse(days)
	}
	for _, day := range days {
		if before < day.Jobs {
			at.from, at.compare = day.Start, ">="
			if !f.OldestFirst {
				at.from, at.compare = day.Start.AddDate(0, 0, 1), "<"
			}
			break
		}
		before -= day.Jobs
	}
	at.skip = before
	return at, nil
}

// countDays counts the jobs of each day that has some, oldest first. Days of which the
// filter wants a part are counted job by job.
func (f *Filter) countDays(ctx context.Context, tx *sqlx.Tx) (days []dayCount, err error) {
	first, last := dayOf(f.From), dayOf(f.To)
	var parts []time.Time
	if !f.From.IsZero() && !f.From.Equal(first) {
		parts = append(parts, first)
		first = first.AddDate(0, 0, 1)
	}
	if !f.To.IsZero() && !f.To.Equal(last) && !slices.ContainsFunc(parts, last.Equal) {
		parts = append(parts, last)
	}
	var whole []struct {
		Day  time.Time `db:"day"`
		Jobs int       `db:"jobs"`
	}
	query, args := `SELECT day, sum(jobs) AS jobs FROM job_sums WHERE owner_id = $1`, []any{f.Owner}
	add := func(format string, arg any) {
		args = append(args, arg)
		query += fmt.Sprintf(format, len(args))
	}
	if f.Statuses != nil {
		add(" AND status = ANY($%d)", pq.Array(f.Statuses))
	}
	if !f.From.IsZero() {
		add(" AND day >= $%d", first.Format(time.DateOnly))
	}
	if !f.To.IsZero() {
		add(" AND day < $%d", last.Format(time.DateOnly))
	}
	if err := tx.SelectContext(ctx, &whole, query+" GROUP BY day HAVING sum(jobs) > 0", args...); err != nil {
		return nil, err
	}
	for _, w := range whole {
		year, month, day := w.Day.Date()
		days = append(days, dayCount{Start: time.Date(year, month, day, 0, 0, 0, 0, events.SouthAfrica), Jobs: w.Jobs})
	}
	for _, start := range parts {
		part := dayCount{Start: start}
		where, args := f.where()
		args = append(args, start, start.AddDate(0, 0, 1))
		err := tx.GetContext(ctx, &part.Jobs, fmt.Sprintf(`SELECT count(*) FROM jobs
WHERE %s AND created_at >= $%d AND created_at < $%d`, where, len(args)-1, len(args)), args...)
		if err != nil {
			return nil, err
		}
		days = append(days, part)
	}
	slices.SortFunc(days, func(a, b dayCount) int { return a.Start.Compare(b.Start) })
	return days, nil
}

// dayOf returns the beginning of a time's day in South Africa, by which jobs are summed
// up.
func dayOf(at time.Time) time.Time {
	year, month, day := at.In(events.SouthAfrica).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, events.SouthAfrica)
}
