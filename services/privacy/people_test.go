package privacy

import (
	"slices"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/person"
	"rollcall.example/events/records"
	"rollcall.example/events/spelling"
)

// newRoll makes a job that has ended, of one row with the given cells.
func (w *fixture) newRoll(id string, cells ...string) events.Job {
	w.t.Helper()
	log, store := w.connectAs("upload")
	jobID := events.NewJobID()
	file, err := store.Put(w.t.Context(), events.BucketUploads, jobID+"/upload",
		strings.NewReader("ID Number,Text\n"+strings.Join(cells, ",")+"\n"))
	if err != nil {
		w.t.Fatal(err)
	}
	job := eventstest.Upload(w.t, log, events.User{ID: "alice", Role: "member"}, file, events.Options{})
	log, store = w.connectAs("validation")
	rows := writeArtifact(w, store, job.ID, "rows", &records.Row{N: 2, ID: id, Cells: cells})
	rejects := writeArtifact[records.RejectedRow](w, store, job.ID, "rejects")
	eventstest.Append(w.t, log, &job, &events.Validated{Rows: rows, Rejects: rejects})
	log, _ = w.connectAs("upload")
	eventstest.Append(w.t, log, &job, &events.Cancelled{Stage: job.Stage, By: job.Owner})
	return job
}

func writeArtifact[T records.Record](w *fixture, store *events.Store, jobID, name string, list ...*T) events.Artifact {
	w.t.Helper()
	out, err := records.NewWriter[T](store)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = out.Close() }() // a temporary file
	for _, r := range list {
		if err := out.Write(r); err != nil {
			w.t.Fatal(err)
		}
	}
	a, err := out.Store(w.t.Context(), store, events.BucketRows, jobID+"/"+name,
		records.Header{Artifact: name, JobID: jobID, Columns: []string{"ID Number", "Text"}})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// A person is looked for in the jobs that the index has of them, in those that are not in
// it yet, and in no others.
func TestAPersonIsLookedForWhereTheIndexSays(t *testing.T) {
	const id = "8001015009087"
	w := newFixture(t, Keep{})
	key, err := person.NewKey(person.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.Key = key
	own := w.newRoll(id, id, "Zed")
	mentioned := w.newRoll("9001010001088", "9001010001088", "spouse of 800101 5009 087")
	nearly := w.newRoll("9001010001088", "9001010001088", "8001015009078")
	masked := w.newRoll("9001010001088", "9001010001088", "800101*****87")
	w.newRoll("9001010001088", "9001010001088", "somebody else")
	if err := w.indexPeople(t.Context()); err != nil {
		t.Fatal(err)
	}
	later := w.newRoll("9001010001088", "9001010001088", "after the index")
	suspects := func() []string {
		t.Helper()
		k, err := w.searchJobs(t.Context(), &subject{id: id, finder: spelling.New(id)}, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		return sortedIDs(k.jobs)
	}
	want := []string{own.ID, mentioned.ID, nearly.ID, masked.ID, later.ID}
	slices.Sort(want)
	if got := suspects(); !slices.Equal(got, want) {
		t.Errorf("looked at %v, want %v", got, want)
	}
	if err := w.indexPeople(t.Context()); err != nil {
		t.Fatal(err)
	}
	want = slices.DeleteFunc(want, func(id string) bool { return id == later.ID })
	if got := suspects(); !slices.Equal(got, want) {
		t.Errorf("with all jobs in the index: looked at %v, want %v", got, want)
	}
	// A member's story asks the index for the number itself alone, with the same hashes.
	var named []string
	if err := w.db.Select(&named, `SELECT job_id FROM job_people WHERE key_check = $1 AND people @> ARRAY[$2::bigint]
ORDER BY job_id`, key.JobsCheck(), key.HashInJobs(id)); err != nil {
		t.Fatal(err)
	}
	if want := sortedIDs(map[string]*events.Job{own.ID: nil, mentioned.ID: nil}); !slices.Equal(named, want) {
		t.Errorf("the number is in %v, want %v", named, want)
	}
	var plain int
	if err := w.db.Get(&plain, `SELECT count(*) FROM job_people WHERE people::text LIKE '%8001015009087%'`); err != nil ||
		plain > 0 {
		t.Errorf("%d rows have the number, %v", plain, err)
	}
	if w.cfg.Key, err = person.NewKey(person.NewSecret()); err != nil {
		t.Fatal(err)
	}
	if got := suspects(); len(got) != 6 {
		t.Errorf("with another key, which the index is not of: looked at %d jobs of 6", len(got))
	}
}
