package rows

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, eventstest.IgnoreLeaks()...) }

// rig is a job whose artifacts are stored as its stages store them.
type rig struct {
	tb     testing.TB
	stores map[string]*events.Store
	reader *Reader
	job    *events.Job
}

var rigColumns = []string{"ID Number", "Firstname", "Surname", "Ward"}

func newRig(tb testing.TB) *rig {
	tb.Helper()
	srv := eventstest.Start(tb)
	r := &rig{tb: tb, stores: map[string]*events.Store{}}
	for _, user := range []string{"validation", "iec", "persistence", "report", "upload"} {
		r.stores[user] = events.NewStore(eventstest.Connect(tb, srv, user))
		r.stores[user].SpoolDir = tb.TempDir()
	}
	r.reader = NewReader(r.stores["upload"], nil)
	tb.Cleanup(r.reader.Close)
	id := events.NewJobID()
	r.job = &events.Job{ID: id, Owner: events.User{ID: "alice"}, Uploaded: &events.Uploaded{}, CreatedAt: time.Now()}
	return r
}

func stored[T records.Record](r *rig, user, bucket, name string, list []T) events.Artifact {
	r.tb.Helper()
	w, err := records.NewWriter[T](r.stores[user])
	if err != nil {
		r.tb.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	for i := range list {
		if err := w.Write(&list[i]); err != nil {
			r.tb.Fatal(err)
		}
	}
	head := records.Header{Artifact: name, JobID: r.job.ID, Columns: rigColumns,
		Fields: map[string]int{"id_number": 0, "firstname": 1, "surname": 2, "ward": 3}}
	object := fmt.Sprintf("%s/%s.%s", r.job.ID, name, events.NewJobID())
	a, err := w.Store(r.tb.Context(), r.stores[user], bucket, object, head)
	if err != nil {
		r.tb.Fatal(err)
	}
	return a
}

func (r *rig) validate(accepted []records.Row, rejected []records.RejectedRow) {
	r.job.Validated = &events.Validated{
		Rows:    stored(r, "validation", events.BucketRows, "rows", accepted),
		Rejects: stored(r, "validation", events.BucketRows, "rejects", rejected),
	}
}

func (r *rig) verify(list []records.Verdict) {
	r.job.Verified = &events.Verified{Verdicts: stored(r, "iec", events.BucketVerdicts, "verdicts", list)}
}

func (r *rig) persist(list []records.Outcome) {
	r.job.Persisted = &events.Persisted{Outcomes: stored(r, "persistence", events.BucketOutcomes, "outcomes", list)}
}

// small is a job with a row of each kind.
func (r *rig) small() {
	r.validate([]records.Row{
		{N: 2, ID: "8001015009087", Fields: map[string]string{"firstname": "Thandi", "surname": "Nkosi", "ward": "79800001"}},
		{N: 3, ID: "9001010001088", Fields: map[string]string{"firstname": "René", "surname": "Müller", "ward": "79800001"},
			Warnings: []records.Warning{{Code: "bad_date", Message: "x"}, {Code: "bad_date", Message: "y"}}},
		{N: 6, ID: "8506155000084", Fields: map[string]string{"full_name": "Sipho Dlamini"}},
		{N: 7, ID: "8001015009285", Fields: map[string]string{"firstname": "Lerato"}},
	}, []records.RejectedRow{
		{N: 4, Code: records.RejectChecksum, Message: "The check digit is wrong.", Cell: "8001015009086",
			Cells: []string{"8001015009086", "Anna", "Botha"}},
		{N: 5, Code: records.RejectDuplicate, Message: "The ID number stands in row 2 already.", ID: "8001015009087",
			FirstRow: 2, Cells: []string{"800101 5009 087", "Thandi", "Nkosi"}},
		{N: 8, Code: records.RejectObjected, Message: "Left out."},
	})
}

func (r *rig) smallVerdicts() {
	r.verify([]records.Verdict{
		{N: 2, Status: records.Registered, Ward: "79800002"}, {N: 3, Status: records.Deceased},
		{N: 6, Status: records.Unverified, Reason: "timeout"}, {N: 7, Status: records.Registered, Ward: "79800002"},
	})
}

func (r *rig) smallOutcomes() {
	r.persist([]records.Outcome{
		{N: 2, Result: records.Inserted}, {N: 3, Result: records.Updated},
		{N: 6, Result: records.Refused, Error: "age of 8506155000084 is out of range"}, {N: 7, Result: records.Transfer},
	})
}

// list returns all rows that a query finds.
func (r *rig) list(query string, after int) (list []Row) {
	r.tb.Helper()
	q, err := url.ParseQuery(query)
	if err != nil {
		r.tb.Fatal(err)
	}
	f, err := ParseFilter(q)
	if err != nil {
		r.tb.Fatal(err)
	}
	x, done, err := r.reader.Open(r.tb.Context(), r.job)
	if err != nil {
		r.tb.Fatal(err)
	}
	defer done()
	for row, err := range x.Rows(r.tb.Context(), f, after) {
		if err != nil {
			r.tb.Fatal(err)
		}
		list = append(list, row)
	}
	return list
}

func numbers(list []Row) (all []int) {
	for _, row := range list {
		all = append(all, row.N)
	}
	return all
}
