package gateway

import (
	"context"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// A replica that lags gives a complete answer that lacks the newest facts. Nothing may
// be passed on over the gap.
func TestFeedWaitsForAGapThatCannotBeReadYet(t *testing.T) {
	srv := eventstest.Start(t)
	log := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	var got []uint64
	f := &feed{
		js:     eventstest.Connect(t, srv, "gateway"),
		onFact: func(_ context.Context, e events.Event, _ uint64) { got = append(got, e.Seq) },
		log:    failOnLog(t),
	}
	live := make(chan *nats.Msg, 1)
	sub, err := f.js.Conn().ChanSubscribe(liveSubject, live)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	eventstest.Upload(t, log, events.User{ID: "alice"}, events.Artifact{}, events.Options{})
	msg := <-live
	if err := sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	// The same fact, had it been stored as the third: 2 and 3 cannot be read yet.
	msg.Header.Set("Nats-Sequence", strconv.Itoa(3))
	if err := f.receive(t.Context(), msg); err != nil || f.last.seq != 1 || len(got) != 1 || got[0] != 1 {
		t.Fatalf("passed on %v, last %d, %v", got, f.last.seq, err)
	}
}
