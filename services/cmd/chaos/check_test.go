package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/postgres"
)

// result is what a run came to.
type result struct {
	jobs, rows, facts, retries int
	members                    int
	calls, people, bound       int
	removed                    int // uploads
	toldTwice                  int // webhooks that were called again
	took                       time.Duration
}

// check holds what is left against what should be.
func (h *house) check(jobs []*job) result {
	t := h.t
	t.Helper()
	r := result{jobs: len(jobs)}
	js := h.connect("operator")
	log := events.NewLog(js, "", nil)
	removed := h.checkRemoved(js, log, jobs)
	r.removed = len(removed)
	accepted := map[string]bool{}
	for i, j := range jobs {
		accepted[j.id] = true
		r.rows += j.file.lines
		h.checkStory(log, j, &r)
		if !j.file.broken && (*fullFlag || i%5 == 0) {
			h.command("verify", j.id, "--nats", "nats://"+h.nats) // artifacts, figures and report, made again
		}
	}
	uploaded := stored(t, js, "bulk.*.uploaded")
	for _, m := range uploaded {
		if id := strings.Split(m.Subject, ".")[1]; !accepted[id] {
			t.Errorf("%s is in the stream, and nobody was told", id)
		}
	}
	if len(uploaded) != len(jobs) || len(accepted) != len(jobs) {
		t.Errorf("%d uploads in the stream, %d jobs answered with, %d files", len(uploaded), len(accepted), len(jobs))
	}
	eventstest.CheckSchemas(t, h.connect("provisioner"))

	db, err := postgres.Open(t.Context(), h.database.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // only read from
	r.members = h.checkMembers(db, jobs)
	h.checkProjection(db, jobs)
	h.checkCalls(jobs, &r)
	return r
}

// checkRemoved waits until of each job that what was uploaded is kept no longer has been
// told, and until it is gone. It returns the names.
func (h *house) checkRemoved(js jetstream.JetStream, log *events.Log, jobs []*job) map[string]bool {
	h.t.Helper()
	removed := map[string]bool{}
	for _, j := range jobs {
		wait(h.t, "the end of what "+j.id+" was given", time.Minute, func() bool {
			got, err := log.Load(h.t.Context(), j.id)
			if err != nil || len(got.Erasures) == 0 {
				return false
			}
			removed[got.Uploaded.File.Name] = true
			return true
		})
	}
	store := events.NewStore(js)
	wait(h.t, "uploads to be removed", time.Minute, func() bool {
		for o, err := range store.Objects(h.t.Context(), events.BucketUploads) {
			if err != nil || removed[o.Name] {
				return false
			}
		}
		return true
	})
	return removed
}

// checkStory holds that a job has ended once, did each thing once, that its client
// has seen all of it, and that no more went of it than was to go.
func (h *house) checkStory(log *events.Log, j *job, r *result) {
	list, err := log.Replay(h.t.Context(), j.id, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	kinds := map[events.Kind]int{}
	var seqs []uint64
	ends, told := 0, 0 // the end is the last event that a client waits for
	var last events.Kind
	for i, e := range list {
		kinds[e.Kind]++
		seqs = append(seqs, e.Seq)
		if e.Kind.Terminal() {
			ends++
			last, told = e.Kind, i+1
		}
		if gone, ok := e.Fact.(*events.Erased); ok && (len(gone.Removed) != 1 || gone.Removed[0].Bucket != events.BucketUploads) {
			h.t.Errorf("%s, %s: gone is %+v", j.id, j.file.name, gone.Removed)
		}
	}
	want := events.KindReported
	if j.file.broken {
		want = events.KindFailed
	}
	if ends != 1+kinds[events.KindRetried] || last != want {
		h.t.Errorf("%s, %s: %d ends after %d retries, the last one is %s", j.id, j.file.name, ends, kinds[events.KindRetried], last)
	}
	if kinds[events.KindErased] != 1 || told != len(list)-1 {
		h.t.Errorf("%s, %s: %d events erased, %d events after the end", j.id, j.file.name, kinds[events.KindErased], len(list)-told)
	}
	for _, kind := range []events.Kind{events.KindUploaded, events.KindValidated, events.KindVerified, events.KindPersisted, events.KindReported} {
		if once := 1; kinds[kind] > once || kinds[kind] < once && !j.file.broken {
			h.t.Errorf("%s, %s: %d events %s", j.id, j.file.name, kinds[kind], kind)
		}
	}
	if !slices.Equal(j.seen, seqs) && !slices.Equal(j.seen, seqs[:told]) {
		h.t.Errorf("%s, %s: the stream has the events %v, its client saw %v", j.id, j.file.name, seqs, j.seen)
	}
	r.facts += len(list)
	r.retries += kinds[events.KindRetried]
}

// checkMembers holds ledger, members and outcomes against the model, which
// writes the files in the order of their commits.
func (h *house) checkMembers(db *sqlx.DB, jobs []*job) int {
	t := h.t
	t.Helper()
	files := map[string]*file{}
	for _, j := range jobs {
		if !j.file.dry && !j.file.broken {
			files[j.id] = j.file
		}
	}
	var ledger []string
	if err := db.Select(&ledger, `SELECT job_id FROM job_ledger ORDER BY pg_xact_commit_timestamp(xmin)`); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(slices.Sorted(slices.Values(ledger)), slices.Sorted(maps.Keys(files))) {
		t.Fatalf("%d jobs in the ledger, %d to be written", len(ledger), len(files))
	}
	m := newModel()
	for _, id := range ledger {
		m.write(id, files[id])
	}

	var stored []struct {
		ID string `db:"id_number"`
		member
	}
	if err := db.Select(&stored, `SELECT id_number, coalesce(firstname, '') firstname, coalesce(surname, '') surname, coalesce(email, '') email,
coalesce(ward_code, '') ward, coalesce(to_char(date_joined, 'YYYY-MM-DD'), '') joined, coalesce(vd_code, '') vd, iec_status status,
created_by_job created_by, updated_by_job updated_by FROM members`); err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for _, s := range stored {
		if want, ok := m.members[s.ID]; !ok || want != s.member {
			if wrong++; wrong <= 3 { // of people who are made up
				t.Errorf("a member is %+v, want %+v", s.member, want)
			}
		}
	}
	if wrong > 0 || len(stored) != len(m.members) {
		t.Errorf("%d of %d members are wrong, want %d", wrong, len(stored), len(m.members))
	}

	for _, id := range ledger {
		var got events.DatabaseStats
		if err := db.QueryRowx(`SELECT count(*), count(*) FILTER (WHERE result = 'inserted'), count(*) FILTER (WHERE result = 'updated'),
count(*) FILTER (WHERE result = 'unchanged') FROM job_outcomes WHERE job_id = $1`, id).Scan(&got.Total, &got.Inserts, &got.Updates, &got.Unchanged); err != nil {
			t.Fatal(err)
		}
		job, err := events.NewLog(h.connect("operator"), "", nil).Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if want := m.stats[id]; got != want || job.Persisted.Stats != want {
			t.Errorf("%s: outcomes %+v, event %+v, want %+v", id, got, job.Persisted.Stats, want)
		}
	}
	return len(stored)
}

// checkProjection waits until the table of jobs says what the stream says.
func (h *house) checkProjection(db *sqlx.DB, jobs []*job) {
	h.t.Helper()
	log := events.NewLog(h.connect("operator"), "", nil)
	for _, j := range jobs {
		got, err := log.Load(h.t.Context(), j.id)
		if err != nil {
			h.t.Fatal(err)
		}
		wait(h.t, "the projection of "+j.id, time.Minute, func() bool {
			var seq uint64
			var status events.Status
			err := db.QueryRowx(`SELECT seq, status FROM jobs WHERE job_id = $1`, j.id).Scan(&seq, &status)
			return err == nil && seq == got.Seq && status == got.Status
		})
	}
}

// checkCalls holds that everybody was asked about, and hardly anybody twice. An
// answer is lost, and asked for again, only if at that instant the process of
// iec that had asked is killed, or one of its lines breaks, or the simulator
// or NATS, where answers are kept, is killed. A process has 15 calls under way.
func (h *house) checkCalls(jobs []*job, r *result) {
	people := map[string]bool{}
	for _, j := range jobs {
		for _, row := range j.file.rows {
			people[row.id] = people[row.id] || !j.file.broken
		}
	}
	h.counter.mu.Lock()
	defer h.counter.mu.Unlock()
	for id, calls := range h.counter.calls {
		if !people[id] {
			h.t.Error("somebody was asked about who is in no file")
		}
		r.calls += calls
	}
	for id, asked := range people {
		if asked {
			r.people++
			if h.counter.calls[id] == 0 {
				h.t.Error("somebody was not asked about")
			}
		}
	}
	losses := counts(&h.kills, "iec-1") + counts(&h.kills, "iec-2") + counts(&h.broken, "iec-") + replicas*(counts(&h.kills, "iec-sim")+counts(&h.kills, "nats"))
	r.bound = concurrency * losses
	if r.calls-r.people > r.bound {
		h.t.Errorf("%d calls about %d people, which is more than %d beyond one each", r.calls, r.people, r.bound)
	}
}

// summary is the run in one line.
func (h *house) summary(r result, users []*user) string {
	var refused, again, connections int
	for _, u := range users {
		refused += int(u.refused.Load())
		again += int(u.again.Load())
		connections += int(u.connections.Load())
	}
	ends := 0
	for _, p := range h.running {
		ends += int(p.ends.Load())
	}
	kills := ""
	for _, part := range append([]string{"nats", "postgres", "iec-sim"}, services...) {
		n := counts(&h.kills, part)
		if part == "iec" {
			n -= counts(&h.kills, "iec-sim")
		}
		kills += fmt.Sprintf(" %s %d", part, n)
	}
	outcome := "losses 0"
	if h.t.Failed() {
		outcome = "FAILED"
	}
	return fmt.Sprintf("%d jobs, %d rows, %d members, %d events; kills %d:%s; lines broken %d times; ended by themselves %d; uploads tried again %d; parts of uploads sent again %d; clients connected again %d; webhooks called again %d; "+
		"calls beyond one a person %d of %d allowed; jobs retried %d; uploads removed when kept long enough %d; %s; %s",
		r.jobs, r.rows, r.members, r.facts, counts(&h.kills, ""), kills, counts(&h.broken, ""), ends, refused, again, connections-r.jobs, r.toldTwice,
		r.calls-r.people, r.bound, r.retries, r.removed, r.took.Round(time.Second), outcome)
}
