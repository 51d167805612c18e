package records_test

import (
	"fmt"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
)

func TestReaderReturnsWhatWriterWrote(t *testing.T) {
	srv := eventstest.Start(t)
	store := events.NewStore(eventstest.Connect(t, srv, "validation"))
	store.SpoolDir = t.TempDir()
	w, err := records.NewWriter[records.Row](store)
	if err != nil {
		t.Fatal(err)
	}
	const n = 5000
	row := func(i int) *records.Row {
		return &records.Row{N: i, ID: "8001015009087", Cells: []string{"<a&b>", "ünïcode\u2028", fmt.Sprint(i)}}
	}
	for i := range n {
		if err := w.Write(row(i)); err != nil {
			t.Fatal(err)
		}
	}
	header := records.Header{Artifact: "rows", Columns: []string{"A", "B", "C"}}
	a, err := w.Store(t.Context(), store, events.BucketRows, "job/rows", header)
	if err != nil || a.Records != n {
		t.Fatalf("%+v, %v", a, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	reader := events.NewStore(eventstest.Connect(t, srv, "report"))
	r, err := records.Open[records.Row](t.Context(), reader, a)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Header.Records != n || len(r.Header.Columns) != 3 {
		t.Fatalf("header %+v", r.Header)
	}
	i := 0
	for got, err := range r.All() {
		if err != nil {
			t.Fatal(err)
		}
		if want := row(i); got.N != want.N || got.Cells[1] != want.Cells[1] || got.Cells[2] != want.Cells[2] {
			t.Fatalf("record %d is %+v", i, got)
		}
		i++
	}
	if i != n {
		t.Fatalf("%d of %d records", i, n)
	}
}

func TestReplayYieldsTheWrittenRecords(t *testing.T) {
	for _, n := range []int{0, 1, 5000} {
		w, err := records.NewWriter[records.Verdict](&events.Store{SpoolDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			verdict := &records.Verdict{N: i, Status: records.Registered, Station: fmt.Sprint("school ", i)}
			if err := w.Write(verdict); err != nil {
				t.Fatal(err)
			}
		}
		i := 0
		for v, err := range w.Replay() {
			if err != nil || v.N != i || v.Station != fmt.Sprint("school ", i) {
				t.Fatalf("record %d is %+v, %v", i, v, err)
			}
			i++
		}
		if i != n {
			t.Errorf("%d of %d records", i, n)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
