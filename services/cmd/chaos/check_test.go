package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/postgres"
)

// summary has the figures of a run.
type summary struct {
	jobs, rows, facts, retries int
	members                    int
	calls, people, bound       int
	removed                    int // uploads removed
	proposed                   int // jobs that somebody had to approve
	repeatedHooks              int // webhook deliveries that came again
	took                       time.Duration
}

// checkAll checks the stream, the database, the clients and the IEC after a run.
func (c *cluster) checkAll(jobs []*job) summary {
	t := c.t
	t.Helper()
	r := summary{jobs: len(jobs)}
	js := c.connect("operator")
	log := events.NewLog(js, "", nil)
	removed := c.checkRemoved(log, jobs)
	r.removed = len(removed)
	accepted := map[string]bool{}
	for i, j := range jobs {
		accepted[j.id] = true
		r.rows += j.file.lines
		c.checkEvents(log, j, &r)
		if !j.file.broken && (*fullFlag || i%5 == 0) {
			c.runCommand("verify", j.id, "--nats", "nats://"+c.nats) // rebuilds artifacts, figures and report
		}
	}
	uploaded := readFacts(t, js, "bulk.*.uploaded")
	for _, m := range uploaded {
		if id := strings.Split(m.Subject, ".")[1]; !accepted[id] {
			t.Errorf("%s is in the stream, but no upload was answered with it", id)
		}
	}
	if len(uploaded) != len(jobs) || len(accepted) != len(jobs) {
		t.Errorf("%d uploads in the stream, %d jobs in answers, %d files", len(uploaded), len(accepted), len(jobs))
	}
	eventstest.CheckSchemas(t, c.connect("operator"))

	db, err := postgres.Open(t.Context(), c.database.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // only read from
	r.members = checkMembers(t, db, log, jobs, orderOfCommits)
	checkProjection(t, db, log, jobs)
	c.checkCalls(jobs, &r)
	return r
}

// checkRemoved waits until each job has an erased fact and its upload is removed. It
// returns the names of the uploads.
func (c *cluster) checkRemoved(log *events.Log, jobs []*job) map[string]bool {
	c.t.Helper()
	removed := map[string]bool{}
	for _, j := range jobs {
		eventstest.WaitFor(c.t, time.Minute, "the upload of "+j.id+" to expire", func() bool {
			got, err := log.Load(c.t.Context(), j.id)
			if err != nil || len(got.Erasures) == 0 {
				return false
			}
			removed[got.Uploaded.File.Name] = true
			return true
		})
	}
	store := events.NewStore(c.connect("privacy")) // an operator sees no artifacts
	eventstest.WaitFor(c.t, time.Minute, "uploads to be removed", func() bool {
		for o, err := range store.Objects(c.t.Context(), events.BucketUploads) {
			if err != nil {
				c.t.Fatal(err)
			}
			if removed[o.Name] {
				return false
			}
		}
		return true
	})
	return removed
}

// checkEvents checks that a job has each of its events once, that its client saw all
// of them, and that nothing but its upload was removed.
func (c *cluster) checkEvents(log *events.Log, j *job, r *summary) {
	list, err := log.Replay(c.t.Context(), j.id, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	kinds := map[events.Kind]int{}
	var seqs []uint64
	ends, upToEnd := 0, 0 // a client waits until the last end, not for later events
	var last events.Kind
	for i, e := range list {
		kinds[e.Kind]++
		seqs = append(seqs, e.Seq)
		if e.Kind.Terminal() {
			ends++
			last, upToEnd = e.Kind, i+1
		}
		if erased, ok := e.Fact.(*events.Erased); ok &&
			(len(erased.Removed) != 1 || erased.Removed[0].Bucket != events.BucketUploads) {
			c.t.Errorf("%s, %s: removed %+v", j.id, j.file.name, erased.Removed)
		}
	}
	want := events.KindReported
	if j.file.broken {
		want = events.KindFailed
	}
	if ends != 1+kinds[events.KindRetried] || last != want {
		c.t.Errorf("%s, %s: %d ends after %d retries, the last one is %s", j.id, j.file.name, ends,
			kinds[events.KindRetried], last)
	}
	if kinds[events.KindErased] != 1 || upToEnd != len(list)-1 {
		c.t.Errorf("%s, %s: %d events erased, %d events after the end", j.id, j.file.name, kinds[events.KindErased],
			len(list)-upToEnd)
	}
	for _, kind := range []events.Kind{events.KindUploaded, events.KindValidated, events.KindVerified,
		events.KindPersisted, events.KindReported} {
		if once := 1; kinds[kind] > once || kinds[kind] < once && !j.file.broken {
			c.t.Errorf("%s, %s: %d events %s", j.id, j.file.name, kinds[kind], kind)
		}
	}
	if !slices.Equal(j.seen, seqs) && !slices.Equal(j.seen, seqs[:upToEnd]) {
		c.t.Errorf("%s, %s: the stream has the events %v, its client saw %v", j.id, j.file.name, seqs, j.seen)
	}
	r.facts += len(list)
	r.retries += kinds[events.KindRetried]
	if n := kinds[events.KindProposed]; n > 0 {
		r.proposed++
		if kinds[events.KindApproved] == 0 {
			c.t.Errorf("%s, %s: proposed %d times, written and never approved", j.id, j.file.name, n)
		}
	}
}

// What the ledger is ordered by: the commits by the clock, or where the clock jumps, of
// jobs that ran one after the other, the transactions. The outcomes tell: they stay as
// they were written, while a later attempt that finds them writes the ledger's row again.
const (
	orderOfCommits      = "(SELECT max(pg_xact_commit_timestamp(o.xmin)) FROM (" + writtenBy + ") o)"
	orderOfTransactions = "(SELECT max(o.xmin::text::bigint) FROM (" + writtenBy + ") o)"

	writtenBy = "SELECT xmin FROM job_outcome_rows WHERE job_id = l.job_id UNION ALL " +
		"SELECT xmin FROM job_outcome_groups WHERE job_id = l.job_id"
)

// checkMembers compares ledger, members and outcomes with the model, which writes the
// files in the order of their commits.
func checkMembers(t *testing.T, db *sqlx.DB, log *events.Log, jobs []*job, order string) int {
	t.Helper()
	files := map[string]*file{}
	for _, j := range jobs {
		if !j.file.dry && !j.file.broken {
			files[j.id] = j.file
		}
	}
	var ledger []string
	if err := db.Select(&ledger, `SELECT job_id FROM job_ledger l ORDER BY `+order); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(slices.Sorted(slices.Values(ledger)), slices.Sorted(maps.Keys(files))) {
		t.Fatalf("%d jobs in the ledger, %d to be written", len(ledger), len(files))
	}
	m := newModel()
	for _, id := range ledger {
		if undone := files[id].undoes; undone != "" {
			m.undo(id, undone)
		} else {
			m.write(id, files[id])
		}
	}

	var stored []struct {
		ID string `db:"id_number"`
		member
	}
	if err := db.Select(&stored, `SELECT id_number, coalesce(firstname, '') firstname, coalesce(surname, '') surname,
  coalesce(email, '') email, coalesce(ward_code, '') ward, coalesce(to_char(date_joined, 'YYYY-MM-DD'), '') joined,
  coalesce(vd_code, '') vd, iec_status status, created_by_job created_by, updated_by_job updated_by
FROM members`); err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for _, s := range stored {
		if want, ok := m.members[s.ID]; !ok || want != s.member {
			if wrong++; wrong <= 3 { // the people are made up
				t.Errorf("a member is %+v, want %+v", s.member, want)
			}
		}
	}
	if wrong > 0 || len(stored) != len(m.members) {
		t.Errorf("%d of %d members are wrong, want %d", wrong, len(stored), len(m.members))
	}

	for _, id := range ledger {
		var got events.DatabaseStats
		if err := db.QueryRowx(`SELECT count(*), count(*) FILTER (WHERE result = 'inserted'),
  count(*) FILTER (WHERE result = 'updated'), count(*) FILTER (WHERE result = 'unchanged'),
  count(*) FILTER (WHERE result = 'removed'), count(*) FILTER (WHERE result = 'kept')
FROM job_outcomes WHERE job_id = $1`, id).Scan(&got.Total, &got.Inserts, &got.Updates, &got.Unchanged, &got.Removed,
			&got.Kept); err != nil {
			t.Fatal(err)
		}
		job, err := log.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if want := m.stats[id]; got != want || job.Persisted.Stats != want {
			t.Errorf("%s: outcomes %+v, event %+v, want %+v", id, got, job.Persisted.Stats, want)
		}
	}
	return len(stored)
}

// checkProjection waits until the table jobs agrees with the stream.
func checkProjection(t *testing.T, db *sqlx.DB, log *events.Log, jobs []*job) {
	t.Helper()
	for _, j := range jobs {
		got, err := log.Load(t.Context(), j.id)
		if err != nil {
			t.Fatal(err)
		}
		eventstest.WaitFor(t, time.Minute, "the projection of "+j.id, func() bool {
			var seq uint64
			var status events.Status
			err := db.QueryRowx(`SELECT seq, status FROM jobs WHERE job_id = $1`, j.id).Scan(&seq, &status)
			return err == nil && seq == got.Seq && status == got.Status
		})
	}
}

// checkCalls checks that the IEC was asked about everybody, and about few people
// twice. An answer is lost, and asked for again, only if at that instant the iec
// process that asked is killed, or one of its links breaks, or the simulator is
// killed, or NATS, which keeps the answers. A process has 15 calls under way.
func (c *cluster) checkCalls(jobs []*job, r *summary) {
	people := map[string]bool{}
	for _, j := range jobs {
		for _, row := range j.file.rows {
			people[row.id] = people[row.id] || !j.file.broken
		}
	}
	c.callCounter.mu.Lock()
	defer c.callCounter.mu.Unlock()
	for id, calls := range c.callCounter.calls {
		if !people[id] {
			c.t.Error("the IEC was asked about a person who is in no file")
		}
		r.calls += calls
	}
	for id, asked := range people {
		if asked {
			r.people++
			if c.callCounter.calls[id] == 0 {
				c.t.Error("the IEC was not asked about a person")
			}
		}
	}
	losses := sumCounts(&c.kills, "iec-1") + sumCounts(&c.kills, "iec-2") + sumCounts(&c.breaks, "iec-") +
		replicas*(sumCounts(&c.kills, "iec-sim")+sumCounts(&c.kills, "nats"))
	r.bound = concurrency * losses
	if r.calls-r.people > r.bound {
		c.t.Errorf("%d calls about %d people, but only %d more than one each are allowed", r.calls, r.people, r.bound)
	}
}

// describe describes the run in one line.
func (c *cluster) describe(r summary, users []*user) string {
	var posts, parts, connections, exits int
	for _, u := range users {
		posts += int(u.retriedPosts.Load())
		parts += int(u.retriedParts.Load())
		connections += int(u.connections.Load())
	}
	for _, p := range c.processes {
		exits += int(p.exits.Load())
	}
	kills := ""
	for _, part := range append([]string{"nats", "postgres", "iec-sim"}, services...) {
		n := sumCounts(&c.kills, part)
		if part == "iec" {
			n -= sumCounts(&c.kills, "iec-sim")
		}
		kills += fmt.Sprintf(" %s %d", part, n)
	}
	outcome := "losses 0"
	if c.t.Failed() {
		outcome = "FAILED"
	}
	return strings.Join([]string{
		fmt.Sprintf("%d jobs, %d rows, %d members, %d events", r.jobs, r.rows, r.members, r.facts),
		fmt.Sprintf("kills %d:%s", sumCounts(&c.kills, ""), kills),
		fmt.Sprintf("links broken %d", sumCounts(&c.breaks, "")),
		fmt.Sprintf("processes exited by themselves %d", exits),
		fmt.Sprintf("requests retried %d", posts),
		fmt.Sprintf("parts of uploads retried %d", parts),
		fmt.Sprintf("clients reconnected %d", connections-r.jobs),
		fmt.Sprintf("webhook deliveries repeated %d", r.repeatedHooks),
		fmt.Sprintf("IEC calls beyond one per person %d of %d allowed", r.calls-r.people, r.bound),
		fmt.Sprintf("jobs retried %d, approved %d", r.retries, r.proposed),
		fmt.Sprintf("expired uploads removed %d", r.removed),
		r.took.Round(time.Second).String(),
		outcome,
	}, "; ")
}
