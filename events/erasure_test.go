package events_test

import (
	"slices"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// After an erasure the job names the new artifact and not the removed one. The
// facts themselves do not change.
func TestErasuresReplaceArtifactsInTheJob(t *testing.T) {
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
	apply(&events.Erased{
		Reason: events.ErasedPerson, Status: job.Status,
		Removed: []events.Artifact{file}, Replaced: []events.Replacement{{Was: rows, Now: other}},
	})
	inputs := job.Reported.Inputs
	if job.Validated.Rows != other || !slices.Contains(inputs, other) || slices.Contains(inputs, rows) {
		t.Errorf("rows %v, inputs %v", job.Validated.Rows, inputs)
	}
	if facts[0].(*events.Validated).Rows != rows || !slices.Contains(reported.Inputs, rows) {
		t.Error("the fact itself was changed")
	}
	if job.Removed(file) == nil || job.Removed(other) != nil || job.Expired() != nil {
		t.Error("Removed or Expired is wrong after the erasure of a person")
	}
	if n := len(job.Artifacts()); n != 5 {
		t.Errorf("%d artifacts", n)
	}
	apply(&events.Erased{Reason: events.ErasedExpired, Status: job.Status, Removed: job.Artifacts()})
	if len(job.Artifacts()) != 0 || job.Expired() == nil || job.Kind != events.KindReported {
		t.Errorf("after the erasure by age: artifacts %v, kind %s", job.Artifacts(), job.Kind)
	}
}
