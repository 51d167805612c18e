package jobs_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/services/jobs"
	"rollcall.example/services/postgres/postgrestest"
)

var listJobs = flag.Int("list-jobs", 5000, "how many jobs BenchmarkLists makes")

// BenchmarkLists times lists and sums of many jobs, and the statements that they were
// before there were sums and cursors, on the same rows:
//
//	go test ./services/jobs -run '^$' -bench Lists -benchtime 1x -args -list-jobs 500000
func BenchmarkLists(b *testing.B) {
	db := postgrestest.New(b)
	makeListed(b, db, *listJobs)
	if _, err := db.Exec(`VACUUM ANALYZE jobs`); err != nil {
		b.Fatal(err)
	}
	table := jobs.New(jobs.Config{DB: db})
	report := func(what string, f func() error) {
		best := time.Hour
		for range 3 {
			began := time.Now()
			if err := f(); err != nil {
				b.Fatal(what, err)
			}
			best = min(best, time.Since(began))
		}
		b.ReportMetric(float64(best.Microseconds())/1000, what+"-ms")
	}
	var place *jobs.Place
	list := func(what string, f jobs.Filter) {
		f.Size = 20
		report(what, func() error {
			page, err := table.List(b.Context(), f)
			if err == nil && page.Next != nil {
				place = page.Next
			}
			return err
		})
	}
	old := func(what, where string, offset int, args ...any) {
		report("old-"+what, func() error {
			var n int
			if err := db.Get(&n, `SELECT count(*) FROM jobs WHERE `+where, args...); err != nil {
				return err
			}
			var rows []jobs.Row
			return db.Select(&rows, fmt.Sprintf(`SELECT * FROM jobs WHERE %s
ORDER BY created_at DESC, job_id DESC LIMIT 20 OFFSET %d`, where, offset), args...)
		})
	}
	for what, page := range map[string]int{"first": 1, "middle": *listJobs / 40, "last": *listJobs / 20} {
		list(what, jobs.Filter{Page: max(page, 1)})
		old(what, "true", 20*max(page-1, 0))
	}
	list("middle", jobs.Filter{Page: max(*listJobs/40, 1)})
	list("cursor", jobs.Filter{Page: 1, After: place})
	list("owner-last", jobs.Filter{Page: max(*listJobs/400, 1), Owner: "user-7"})
	old("owner-last", "owner_id = 'user-7'", *listJobs/20-20)
	list("status-none", jobs.Filter{Page: 1, Owner: "user-7", Statuses: []events.Status{"failed"}})
	old("status-none", "owner_id = 'user-7' AND status = 'failed'", 0)
	list("queue", jobs.Filter{Page: 1, OldestFirst: true,
		Statuses: []events.Status{"pending", "processing", "paused", "awaiting_approval"}})
	list("part-days", jobs.Filter{Page: 1, From: time.Now().Add(-50 * time.Hour), To: time.Now().Add(-3 * time.Hour)})
	const searched = `(file_name ILIKE $1 OR job_id ILIKE $1 OR owner_id ILIKE $1)`
	for what, text := range map[string]string{"rare": "ward 4321 ", "none": "nobody has this", "all": "roll"} {
		list("search-"+what, jobs.Filter{Page: 1, Search: text, SearchOwners: true})
		old("search-"+what, searched, 0, "%"+text+"%")
	}
	report("stats", func() error { _, err := table.Totals(b.Context(), ""); return err })
	report("old-stats", func() error {
		var rows []struct{ Status, Jobs, Records string }
		return db.Select(&rows, `SELECT status, count(*) AS jobs,
  coalesce(sum((stats->'validation_stats'->>'total_records')::bigint), 0) AS records FROM jobs GROUP BY status`)
	})
	since := time.Now().Add(-time.Hour)
	report("usage", func() error { _, err := table.Usage(b.Context(), "user-7", since); return err })
	report("old-usage", func() error {
		var row struct{ Recent, Stored int64 }
		return db.Get(&row, `SELECT count(*) FILTER (WHERE created_at > $1) AS recent,
  coalesce(sum(coalesce(stored_bytes, file_size)), 0)::bigint AS stored FROM jobs WHERE owner_id = 'user-7'`, since)
	})
	b.ReportMetric(0, "ns/op")
}

// makeListed makes jobs, three in a minute, of twenty people.
func makeListed(tb testing.TB, db *sqlx.DB, n int) {
	tb.Helper()
	_, err := db.Exec(`INSERT INTO jobs (job_id, seq, owner_id, owner_role, file_name, file_size, stored_bytes,
  status, stage, progress, stats, created_at, updated_at, completed_at, duration_ms)
SELECT 'job-' || gen_random_uuid(), i, 'user-' || (i % 20), 'member', 'ward ' || i || ' Roll.xlsx',
  60000, 70000, 'completed', 'report_generation', 100,
  '{"validation_stats":{"total_records":500},"database_stats":{"inserts":400,"updates":80}}',
  now() - i * interval '20 seconds', now(), now(), 5000
FROM generate_series(1, $1::int) i`, n)
	if err != nil {
		tb.Fatal(err)
	}
}
