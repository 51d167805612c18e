package events_test

import (
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// An older program would skip what it does not know of a job that may not write all, and
// write it. Jobs that may are left to it, so that an upgrade can be taken back.
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
