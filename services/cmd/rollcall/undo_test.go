package main

import (
	"strings"
	"testing"

	"rollcall.example/events"
)

// undoJob undoes a job and returns the undo, once it is complete.
func (r *goldenRig) undoJob(id string) events.Job {
	r.t.Helper()
	shown := mustRun(r.t, "undo", id, "--watch", "--server", r.up.url(), "--token", r.token)
	job, err := r.log.Load(r.t.Context(), jobIDs.FindString(shown))
	if err != nil {
		r.t.Fatal(err)
	}
	if job.Reported == nil || job.Options.Undoes != id {
		r.t.Fatalf("%+v\n%s", job, shown)
	}
	return job
}

func TestUndo(t *testing.T) {
	t.Parallel()
	r := newGoldenRig(t)
	first := r.run(r.file("hostile.xlsx"))
	before := r.members()
	second := r.run(r.file("roll-500.xlsx"))
	if r.members() == before {
		t.Fatal("the second roll has changed nothing")
	}
	job := r.undoJob(second.ID)
	if after := r.members(); after != before {
		t.Errorf("members before\n%.2000s\nafter\n%.2000s", before, after)
	}
	did, undid := second.Persisted.Stats, job.Persisted.Stats
	if undid.Removed != did.Inserts || undid.Updates != did.Updates || undid.Unchanged != did.Unchanged+did.Errors ||
		undid.Kept != 0 {
		t.Errorf("did %+v, undid %+v", did, undid)
	}
	if job.Verified.Stats != second.Verified.Stats || job.Validated.Rows != second.Validated.Rows {
		t.Errorf("rows and verdicts are not those of the job that was undone")
	}
	book := r.report(job)
	removed, left := book.Sheet["Removed Members"], book.Sheet["Left As They Are"]
	if removed == nil || left == nil || removed.MaxRow != did.Inserts+1 || book.Sheet["New Members"] != nil {
		t.Errorf("sheets of the report: %v", book.Sheets)
	}
	summary := book.Sheet["Summary"]
	cell, err := summary.Cell(1, 1)
	if err != nil || !strings.Contains(cell.Value, second.ID) {
		t.Errorf("the summary says %q, %v", cell, err)
	}

	if again := r.undoJob(second.ID); again.ID != job.ID || again.Seq != job.Seq {
		t.Errorf("undone twice, by %s and %s", job.ID, again.ID)
	}
	r.undoJob(first.ID)
	if r.members() != "" {
		t.Error("members are left")
	}
}
