package events_test

import (
	"bytes"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// What a gateway does for each fact, and for each history that a client asks for.
func BenchmarkRead(b *testing.B) {
	srv := eventstest.Start(b)
	upload := events.NewLog(eventstest.Connect(b, srv, "upload"), events.StageUpload, nil)
	job := eventstest.Upload(b, upload, events.User{ID: "alice"}, events.Artifact{}, events.Options{})
	js := eventstest.Connect(b, srv, "gateway")
	b.Run("fact", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			msgs, _, err := events.ReadBatch(b.Context(), js, events.StreamFacts, events.AllSubjects, job.Seq)
			if err != nil || len(msgs) != 1 {
				b.Fatal(len(msgs), err)
			}
		}
	})
	log := events.NewLog(js, "gateway", nil)
	b.Run("history", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if list, err := log.Replay(b.Context(), job.ID, 0); err != nil || len(list) != 1 {
				b.Fatal(len(list), err)
			}
		}
	})
}

// An artifact of the size that a roll of a million rows has.
func BenchmarkPut(b *testing.B) {
	const size = 100 << 20
	srv := eventstest.Start(b)
	store := events.NewStore(eventstest.Connect(b, srv, "upload"))
	data := bytes.NewReader(make([]byte, size))
	b.SetBytes(size)
	for b.Loop() {
		data.Reset(make([]byte, size))
		if _, err := store.Put(b.Context(), events.BucketUploads, "job/x", data); err != nil {
			b.Fatal(err)
		}
	}
}
