package stage_test

import (
	"bytes"
	"context"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
)

// A worker that lost its lease stores its artifact after a fact of its
// successor has named one. Each attempt has names of its own, even with the
// same delivery count, which a killed server may use twice.
func TestALateWorkerDoesNotReplaceAnArtifact(t *testing.T) {
	srv := eventstest.Start(t)
	store := events.NewStore(eventstest.Connect(t, srv, "iec"))
	put := func(w *stage.Work, text string) events.Artifact {
		a, err := store.Put(t.Context(), events.BucketVerdicts, w.ArtifactName("verdicts"), bytes.NewReader([]byte(text)))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	job := upload(t, srv)
	named := put(&stage.Work{Job: job, Delivery: 2}, "answered at noon")
	put(&stage.Work{Job: job, Delivery: 1}, "answered at eleven")
	put(&stage.Work{Job: job, Delivery: 2}, "answered at one")
	f, err := events.NewStore(eventstest.Connect(t, srv, "report")).Fetch(context.Background(), named)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
