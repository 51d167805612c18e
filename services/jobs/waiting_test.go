package jobs_test

import (
	"testing"

	"rollcall.example/events"
	"rollcall.example/services/jobs"
)

// The rows of an undo are those of another job, whose area may be a part of the
// country. What the IEC said is not counted before it is known which of them wait.
func TestAnUndoHasNoFiguresOfTheIECBeforeItsOutcomes(t *testing.T) {
	country := events.Country()
	job := events.Job{Uploaded: &events.Uploaded{Area: &country}, Verified: &events.Verified{}}
	if jobs.StatsOf(&job).IEC == nil {
		t.Error("a job of the whole country has no figures of the IEC")
	}
	job.Options.Undoes = events.NewJobID()
	if got := jobs.StatsOf(&job).IEC; got != nil {
		t.Errorf("an undo has %+v", got)
	}
	job.Proposed = &events.Proposed{IEC: &events.IECStats{Total: 1}}
	if got := jobs.StatsOf(&job).IEC; got == nil || got.Total != 1 {
		t.Errorf("a proposed undo has %+v", got)
	}
}
