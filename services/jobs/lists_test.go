package jobs_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/sync/errgroup"

	"rollcall.example/events"
	"rollcall.example/services/jobs"
	"rollcall.example/services/postgres/postgrestest"
)

// listed is what the filters of these tests look at.
type listed struct {
	JobID     string        `db:"job_id"`
	OwnerID   string        `db:"owner_id"`
	Status    events.Status `db:"status"`
	CreatedAt time.Time     `db:"created_at"`
}

// makeMixed makes jobs of three people, of all statuses, over some days with gaps; some
// were uploaded in the same microsecond, some at midnight.
func makeMixed(t *testing.T, db *sqlx.DB) (all []listed) {
	t.Helper()
	_, err := db.Exec(`INSERT INTO jobs (job_id, seq, owner_id, owner_role, file_name, file_size, status, stage, progress,
  stats, created_at, updated_at, duration_ms)
SELECT 'job-' || gen_random_uuid(), i, 'user-' || (i % 3), 'member', 'ward ' || i % 7 || ' Roll.xlsx', 100 + i,
  (ARRAY['completed', 'completed', 'failed', 'pending', 'paused'])[1 + i % 5], 'file_reading', 10,
  CASE WHEN i % 2 = 0 THEN '{}' ELSE '{"validation_stats":{"total_records":3},
    "database_stats":{"inserts":2,"updates":1,"dry_run":' || (i % 4 = 1)::text || '}}' END::jsonb,
  timestamptz '2026-03-01 22:00:00+00' + (i / 3) * interval '2 hours' - (i / 60) * interval '3 days', now(),
  CASE WHEN i % 5 < 2 THEN i END
FROM generate_series(1, 200) i`)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Select(&all, `SELECT job_id, owner_id, status, created_at FROM jobs`); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b listed) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.JobID, a.JobID))
	})
	return all
}

// Each page of each list has what comes from sorting and counting all jobs, by its number
// and by the place where the page before it ends.
func TestPagesAreThoseOfTheWholeList(t *testing.T) {
	db := postgrestest.New(t)
	all := makeMixed(t, db)
	table := jobs.New(jobs.Config{DB: db})
	midnight := time.Date(2026, 3, 2, 0, 0, 0, 0, events.SouthAfrica)
	for _, f := range []jobs.Filter{
		{},
		{OldestFirst: true},
		{Owner: "user-1"},
		{Owner: "nobody"},
		{Statuses: []events.Status{events.StatusFailed}},
		{Statuses: []events.Status{events.StatusPending, events.StatusPaused}, OldestFirst: true},
		{Owner: "user-2", Statuses: []events.Status{events.StatusCompleted}},
		{From: midnight}, {To: midnight}, {From: midnight, To: midnight.AddDate(0, 0, 1)},
		{From: midnight.Add(time.Hour)}, {To: midnight.Add(5 * time.Hour)},
		{From: midnight.Add(time.Hour), To: midnight.Add(5 * time.Hour)},
		{From: midnight.Add(-30 * time.Hour), To: midnight.Add(20 * time.Hour), Owner: "user-1"},
		{From: midnight.Add(-30 * time.Hour), To: midnight.Add(50 * time.Hour), OldestFirst: true},
		{Search: "ward 3", SearchOwners: true},
		{Search: "USER-2", SearchOwners: true, To: midnight},
		{Search: "ward 3", Owner: "user-2"},
	} {
		var want []string
		for i, j := range all {
			if (f.Owner == "" || j.OwnerID == f.Owner) && (f.Statuses == nil || slices.Contains(f.Statuses, j.Status)) &&
				(f.From.IsZero() || !j.CreatedAt.Before(f.From)) && (f.To.IsZero() || j.CreatedAt.Before(f.To)) &&
				(f.Search != "ward 3" || hasWard(t, db, all[i].JobID)) && (f.Search != "USER-2" || j.OwnerID == "user-2") {
				want = append(want, j.JobID)
			}
		}
		if f.OldestFirst {
			slices.Reverse(want)
		}
		f.Size = 7
		var byNumber, byPlace []string
		for f.Page = 1; ; f.Page++ {
			page := list(t, table, f)
			byNumber = append(byNumber, ids(page)...)
			if page.Total != len(want) || (page.Next != nil) != (f.Page*f.Size < len(want)) {
				t.Errorf("%+v: %d on all, %d wanted, next %v", f, page.Total, len(want), page.Next)
			}
			if len(page.Entries) == 0 {
				break
			}
		}
		for f.Page = 1; ; f.Page++ {
			page := list(t, table, f)
			byPlace = append(byPlace, ids(page)...)
			if f.After = page.Next; f.After == nil {
				break
			}
		}
		if !slices.Equal(byNumber, want) || !slices.Equal(byPlace, want) {
			t.Errorf("%+v: of %d jobs %d by number, %d by place, or in another order", f, len(want), len(byNumber), len(byPlace))
		}
	}
}

func hasWard(t *testing.T, db *sqlx.DB, id string) (has bool) {
	t.Helper()
	if err := db.Get(&has, `SELECT file_name LIKE 'ward 3 %' FROM jobs WHERE job_id = $1`, id); err != nil {
		t.Fatal(err)
	}
	return has
}

func list(t *testing.T, table *jobs.Table, f jobs.Filter) jobs.Page {
	t.Helper()
	page, err := table.List(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func ids(page jobs.Page) (ids []string) {
	for _, e := range page.Entries {
		ids = append(ids, e.JobID)
	}
	return ids
}

// Whatever happens to the jobs, from several sides at once and while sums are merged, the
// sums are those of the table.
func TestSumsAreThoseOfTheTable(t *testing.T) {
	db := postgrestest.New(t)
	all := makeMixed(t, db)
	table := jobs.New(jobs.Config{DB: db})
	same := func(when string) {
		t.Helper()
		var wrong []string
		if err := db.Select(&wrong, `SELECT format('%s %s %s', owner_id, day, status) FROM (
  SELECT owner_id, day, status, sum(jobs) jobs, sum(records) records, sum(inserts) inserts, sum(updates) updates,
    sum(timed) timed, sum(duration_ms) duration_ms, sum(stored_bytes) stored_bytes
  FROM job_sums GROUP BY 1, 2, 3 HAVING sum(jobs) <> 0) had
FULL JOIN job_sums_now now USING (owner_id, day, status, jobs, records, inserts, updates, timed, duration_ms,
  stored_bytes)
WHERE had.owner_id IS NULL OR now.owner_id IS NULL`); err != nil || len(wrong) > 0 {
			t.Errorf("%s: %v, %v", when, wrong, err)
		}
	}
	same("after a load")
	var work errgroup.Group
	for side := range 4 {
		work.Go(func() error {
			for i := side; i < len(all); i += 4 {
				statement := []string{
					`UPDATE jobs SET status = 'completed', duration_ms = 7, stored_bytes = 9 WHERE job_id = $1`,
					`UPDATE jobs SET owner_id = 'user-9', created_at = created_at - interval '1 day' WHERE job_id = $1`,
					`DELETE FROM jobs WHERE job_id = $1`,
					`UPDATE jobs SET seq = seq + 1 WHERE job_id = $1`,
				}[i/4%4]
				if _, err := db.Exec(statement, all[i].JobID); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for range 2 {
		work.Go(func() error {
			for range 10 {
				if err := table.MergeSums(t.Context()); err != nil {
					return fmt.Errorf("merge: %w", err)
				}
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	same("after changes")
	if err := table.MergeSums(t.Context()); err != nil {
		t.Fatal(err)
	}
	same("after merging")
	var parts int
	if err := db.Get(&parts, `SELECT count(*) - count(DISTINCT (owner_id, day, status)) FROM job_sums`); err != nil ||
		parts != 0 {
		t.Errorf("%d sums are in parts, %v", parts, err)
	}
}
