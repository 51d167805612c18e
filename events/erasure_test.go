package events_test

import (
	"slices"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// What was replaced is named by the job as it stands there now, what was removed
// not at all, and the facts that others hold are as they were.
func TestErasuresTellWhatStandsInPlaceOfArtifacts(t *testing.T) {
	t.Parallel()
	id := events.NewJobID()
	var job events.Job
	seq := uint64(0)
	apply := func(f events.Fact) {
		t.Helper()
		seq++
		if err := job.Apply(events.Event{JobID: id, Kind: f.FactKind(), Seq: seq, Owner: alice.ID, Fact: f}); err != nil {
			t.Fatal(err)
		}
	}
	file := eventstest.FakeArtifact(events.BucketUploads, id+"/upload.xlsx")
	apply(&events.Uploaded{Owner: alice, File: file})
	facts := eventstest.Facts(id)
	for _, f := range facts[:3] {
		apply(f)
	}
	reported := facts[3].(*events.Reported)
	reported.Inputs = job.Inputs()
	apply(reported)
	if n := len(job.Artifacts()); n != 6 {
		t.Fatalf("%d artifacts", n)
	}
	rows := facts[0].(*events.Validated).Rows
	other := eventstest.FakeArtifact(events.BucketRows, id+"/rows.erased")
	apply(&events.Erased{Reason: events.ErasedPerson, Status: job.Status, Removed: []events.Artifact{file}, Replaced: []events.Replacement{{Was: rows, Now: other}}})
	if job.Validated.Rows != other || !slices.Contains(job.Reported.Inputs, other) || slices.Contains(job.Reported.Inputs, rows) {
		t.Errorf("rows %v, inputs %v", job.Validated.Rows, job.Reported.Inputs)
	}
	if facts[0].(*events.Validated).Rows != rows || !slices.Contains(reported.Inputs, rows) {
		t.Error("the fact itself was changed")
	}
	if job.Removed(file) == nil || job.Removed(other) != nil || job.Expired() != nil {
		t.Error("removed, or not, what should be otherwise")
	}
	if n := len(job.Artifacts()); n != 5 {
		t.Errorf("%d artifacts", n)
	}
	apply(&events.Erased{Reason: events.ErasedExpired, Status: job.Status, Removed: job.Artifacts()})
	if len(job.Artifacts()) != 0 || job.Expired() == nil || job.Kind != events.KindReported {
		t.Errorf("after all has expired: %v, %s", job.Artifacts(), job.Kind)
	}
}
