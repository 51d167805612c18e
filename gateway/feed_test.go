package gateway

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// Live messages come late, twice or never; facts come once and in order.
func TestFeedFillsWhatTheLiveMessagesLack(t *testing.T) {
	srv := eventstest.Start(t)
	upload := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	var got []uint64
	f := &feed{
		js:   eventstest.Connect(t, srv, "gateway"),
		fact: func(e events.Event) { got = append(got, e.Seq) },
		warn: func(msg string, args ...any) { t.Error(msg, args) },
	}
	eventstest.Upload(t, upload, events.User{ID: "alice"}, events.Artifact{}, events.Options{})
	if err := f.start(t.Context()); err != nil || f.last.seq != 1 {
		t.Fatalf("starts after %d, %v", f.last.seq, err)
	}
	live := make(chan *nats.Msg, 1000)
	sub, err := f.js.Conn().ChanSubscribe(liveSubject, live)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.js.Conn().Flush(); err != nil { // the server knows of it now
		t.Fatal(err)
	}
	const n = 200
	for range n {
		eventstest.Upload(t, upload, events.User{ID: "alice"}, events.Artifact{}, events.Options{})
	}
	eventstest.Wait(t, "the live messages", func() bool { return len(live) == n })
	if err := sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	for range n {
		msg := <-live
		// Lost, once, or twice.
		for range []int{0, 1, 1, 2}[rand.IntN(4)] {
			if err := f.hear(t.Context(), msg); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.look(t.Context()); err != nil { // the last may have been lost
		t.Fatal(err)
	}
	want := make([]uint64, n)
	for i := range want {
		want[i] = uint64(i + 2)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %v", got)
	}
}

func TestFeedTakesDeletedSequencesForGaps(t *testing.T) {
	srv := eventstest.Start(t)
	upload := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	var got []uint64
	f := &feed{js: eventstest.Connect(t, srv, "gateway"), fact: func(e events.Event) { got = append(got, e.Seq) },
		warn: func(msg string, args ...any) { t.Error(msg, args) }}
	for range 5 {
		eventstest.Upload(t, upload, events.User{ID: "alice"}, events.Artifact{}, events.Options{})
	}
	s, err := eventstest.Connect(t, srv, "provisioner").Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{2, 3} {
		if err := s.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.look(t.Context()); err != nil || !slices.Equal(got, []uint64{1, 4, 5}) {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestFeedNoticesAStreamMadeAnew(t *testing.T) {
	for name, tc := range map[string]struct {
		stored int   // facts in the stream
		last   place // what the feed has passed on
		looks  int   // until it notices
	}{
		"shorter, and younger":  {stored: 2, last: place{10, time.Unix(1e9, 0)}, looks: anewSure},
		"shorter, and not":      {stored: 2, last: place{10, time.Now().Add(time.Hour)}, looks: anewPatience},
		"empty":                 {stored: 0, last: place{10, time.Now()}, looks: anewPatience},
		"as long":               {stored: 2, last: place{2, time.Unix(1e9, 0)}, looks: 1},
		"longer, when it fills": {stored: 3, last: place{2, time.Unix(1e9, 0)}, looks: 1},
	} {
		t.Run(name, func(t *testing.T) {
			srv := eventstest.Start(t)
			log := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
			for range tc.stored {
				eventstest.Upload(t, log, events.User{ID: "alice"}, events.Artifact{}, events.Options{})
			}
			f := &feed{js: eventstest.Connect(t, srv, "gateway"), last: tc.last, warn: func(string, ...any) {},
				fact: func(e events.Event) { t.Errorf("passed on %d", e.Seq) }}
			for i := 1; i < tc.looks; i++ {
				if err := f.look(t.Context()); err != nil {
					t.Fatalf("look %d: %v", i, err)
				}
			}
			if err := f.look(t.Context()); !errors.Is(err, errAnew) {
				t.Fatalf("err = %v", err)
			}
		})
	}
}

func TestQueueKeepsFactsAndTheNewestProgress(t *testing.T) {
	sums := &counts{}
	q := newQueue(3, plainJSON, sums, func() {})
	text := func(s string) texts { return texts{[]byte(s)} }
	next := func() string { b, _ := q.take(); return string(b) }
	for i := range 5 {
		q.show(frame{jobID: "a", texts: text("a" + strconv.Itoa(i))})
	}
	q.show(frame{jobID: "b", texts: text("b0")})
	q.answer([]byte("ack"))
	if got := []string{next(), next(), next(), next()}; !slices.Equal(got, []string{"ack", "a4", "b0", ""}) {
		t.Fatalf("got %v", got)
	}
	q.show(frame{jobID: "a", texts: text("outdated")})
	q.show(frame{jobID: "b", texts: text("b1")})
	if !q.put(frame{jobID: "a", seq: 1, texts: text("fact")}) {
		t.Fatal("no room")
	}
	if got := []string{next(), next(), next()}; !slices.Equal(got, []string{"fact", "b1", ""}) {
		t.Fatalf("got %v", got)
	}
	for i := range 3 {
		if !q.put(frame{seq: uint64(i + 2), texts: text("f")}) {
			t.Fatal("no room")
		}
	}
	if q.put(frame{seq: 9, texts: text("f")}) {
		t.Fatal("more than the limit")
	}
	q.overflow()
	for range 3 {
		if next() != "f" {
			t.Fatal("a queued fact was given up")
		}
	}
	if _, ok := q.take(); ok {
		t.Fatal("the client was not given up")
	}
	// a0 to a3, which a4 made outdated, and the one that the fact did.
	if n := sums.conflated.Load(); n != 5 {
		t.Errorf("%d frames were conflated", n)
	}
}
