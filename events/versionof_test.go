package events_test

import (
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// An older program would skip what it does not know of a job that may not write all, and
// write it. Jobs that may are left to it, so that an upgrade can be taken back.
// An older program would acknowledge the fact that brings a parked job back, and do
// nothing.
func TestTheFactThatBringsAJobBackIsNewer(t *testing.T) {
	srv := eventstest.Start(t)
	job := eventstest.Upload(t, logAs(t, srv, events.StageUpload), alice, events.Artifact{}, events.Options{})
	eventstest.Append(t, logAs(t, srv, events.StageValidation), &job, eventstest.Facts(job.ID)[0])
	asks := job.Asks()
	iec := logAs(t, srv, events.StageIEC)
	for want, wakes := range map[string]bool{"1": false, "3": true} {
		eventstest.Append(t, iec, &job, &events.Paused{Stage: events.StageIEC, Reason: events.PauseQuota, Message: "wait"})
		eventstest.Append(t, iec, &job, &events.Resumed{Stage: events.StageIEC, Wakes: wakes})
		if got := eventstest.StoredMessage(t, srv, job).Header.Get(events.HeaderDataVersion); got != want {
			t.Errorf("wakes %v: version %s", wakes, got)
		}
		if wakes {
			asks = job.Seq
		}
		if job.Asks() != asks {
			t.Errorf("wakes %v: %d asks for the work, not %d", wakes, job.Asks(), asks)
		}
	}
}

func TestOnlyFactsThatOlderProgramsWouldGetWrongAreNewer(t *testing.T) {
	srv := eventstest.Start(t)
	log := logAs(t, srv, events.StageUpload)
	for want, options := range map[string][]events.Options{
		"1": {{}, {DryRun: true, SkipIEC: true}},
		"2": {{Mode: events.ModeCreate}, {Mode: events.ModeUpdate}, {AllowClear: true}},
	} {
		for _, o := range options {
			job := eventstest.Upload(t, log, alice, events.Artifact{}, o)
			m := eventstest.StoredMessage(t, srv, job)
			if got := m.Header.Get(events.HeaderDataVersion); got != want {
				t.Errorf("%+v has version %s", o, got)
			}
			if again, err := log.Load(t.Context(), job.ID); err != nil || again.Options != o {
				t.Errorf("%+v, %v", again.Options, err)
			}
		}
	}
}

func TestAFileWithoutAHeaderIsNewer(t *testing.T) {
	srv := eventstest.Start(t)
	log := logAs(t, srv, events.StageUpload)
	column := []events.MappedColumn{{Letter: "A", Field: "id_number"}}
	for want, mapping := range map[string]*events.Mapping{
		"1": {Sheet: 1, Row: 1, Columns: column}, "4": {Sheet: 1, Columns: column},
	} {
		id := events.NewJobID()
		file := eventstest.FakeArtifact(events.BucketUploads, id+"/upload.csv")
		fact := &events.Uploaded{Owner: alice, FileName: "a.csv", File: file, Mapping: mapping}
		fact.JobID = id
		job := events.Job{}
		if _, err := log.Append(t.Context(), &job, 0, fact); err != nil {
			t.Fatal(err)
		}
		if got := eventstest.StoredMessage(t, srv, job).Header.Get(events.HeaderDataVersion); got != want {
			t.Errorf("row %d: version %s", mapping.Row, got)
		}
	}
}
