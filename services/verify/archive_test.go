package verify

import (
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// verify says of an archived job what it said before, also when it was archived twice, and
// when the one who did it was killed. It finds what was altered since.
func TestVerifyReadsArchives(t *testing.T) {
	srv := eventstest.Start(t)
	operator := eventstest.Connect(t, srv, "investigator")
	mover := events.NewLog(eventstest.Connect(t, srv, "privacy"), "privacy", nil)
	verified := func(job events.Job) (altered int, said string) {
		t.Helper()
		v, heard := listen(Config{JetStream: operator})
		if _, err := v.verifyEvents(t.Context(), job.ID); err != nil {
			t.Fatal(err)
		}
		return v.altered, heard.String()
	}
	archive := func(job events.Job) {
		t.Helper()
		if _, err := mover.Archive(t.Context(), job.ID, job.Seq); err != nil {
			t.Fatal(err)
		}
	}
	job, _, _ := history(t, srv)
	_, before := verified(job)
	archive(job)
	if altered, said := verified(job); altered != 0 || said != before {
		t.Errorf("before: %safter: %s", before, said)
	}
	loaded, err := mover.Load(t.Context(), job.ID)
	if err != nil {
		t.Fatal(err)
	}
	eventstest.Append(t, mover, &loaded, &events.Erased{Reason: events.ErasedExpired, Status: loaded.Status,
		Removed: loaded.Artifacts()})
	altered, erased := verified(job)
	if altered != 0 || !strings.Contains(erased, "15 events") {
		t.Errorf("with an event after the archive: %s", erased)
	}
	stream, err := eventstest.Connect(t, srv, eventstest.Owner).Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	first, err := events.ReadLast(t.Context(), operator, events.StreamFacts, []string{events.JobFilter(job.ID)})
	if err != nil || len(first) != 2 {
		t.Fatalf("%d messages, %v", len(first), err)
	}
	archive(loaded)
	if altered, said := verified(job); altered != 0 || said != erased {
		t.Errorf("archived again: %s", said)
	}

	// An event after the archive, and what it followed is gone.
	other, _, _ := history(t, srv)
	archive(other)
	if loaded, err = mover.Load(t.Context(), other.ID); err != nil {
		t.Fatal(err)
	}
	eventstest.Append(t, mover, &loaded, &events.Erased{Reason: events.ErasedExpired, Status: loaded.Status})
	eventstest.Append(t, mover, &loaded, &events.Erased{Reason: events.ErasedPerson, Status: loaded.Status})
	if err := stream.DeleteMsg(t.Context(), loaded.Seq-1); err != nil {
		t.Fatal(err)
	}
	if altered, said := verified(other); altered == 0 {
		t.Errorf("without an event after the archive: %s", said)
	}

}
