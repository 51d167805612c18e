package records_test

import (
	"context"
	"errors"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
)

func TestEachYieldsTheHeaderAndTheRecords(t *testing.T) {
	srv := eventstest.Start(t)
	store := events.NewStore(eventstest.Connect(t, srv, "validation"))
	w, err := records.NewWriter[records.Row](store)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for n := 1; n <= 3; n++ {
		if err := w.Write(&records.Row{N: n}); err != nil {
			t.Fatal(err)
		}
	}
	a, err := w.Store(t.Context(), store, events.BucketRows, "job/rows", records.Header{Artifact: "rows", JobID: "job"})
	if err != nil {
		t.Fatal(err)
	}
	reader := events.NewStore(eventstest.Connect(t, srv, "report"))
	var head records.Header
	n := 0
	for r, err := range records.Each[records.Row](t.Context(), reader, a, &head) {
		if n++; err != nil || r.N != n || head.JobID != "job" || head.Records != 3 {
			t.Fatalf("record %d is %+v of %+v, %v", n, r, head, err)
		}
	}
	if n != 3 {
		t.Errorf("%d records", n)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ended error
	n = 0
	for _, ended = range records.Each[records.Row](ctx, reader, a, nil) {
		n++
		cancel()
	}
	if n != 2 || !errors.Is(ended, context.Canceled) {
		t.Errorf("after the context was cancelled: %d more records, error %v", n-2, ended)
	}

	missing := a
	missing.Name = "job/none"
	for _, ended = range records.Each[records.Row](t.Context(), reader, missing, nil) {
	}
	if !errors.Is(ended, events.ErrMissing) {
		t.Errorf("missing artifact: %v", ended)
	}
}
