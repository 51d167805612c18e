package gateway

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// Nothing is passed on that the stream does not hold, whatever a live message says:
// not a fact that was never stored, and no progress. The facts that are stored then
// are neither missing nor late.
func TestFeedBelievesNoLiveMessage(t *testing.T) {
	srv := eventstest.Start(t)
	upload := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	validation := events.NewLog(eventstest.Connect(t, srv, "validation"), events.StageValidation, nil)
	var got []uint64
	var progress []int
	f := &feed{
		js:         eventstest.Connect(t, srv, "gateway"),
		interval:   time.Hour,
		onFact:     func(_ context.Context, e events.Event, _ uint64) { got = append(got, e.Seq) },
		onProgress: func(_ context.Context, p events.Progress, _ string) { progress = append(progress, p.Percent) },
		log:        events.Logger(nil),
	}
	live := make(chan *nats.Msg, 100)
	sub, err := f.js.Conn().ChanSubscribe(liveSubject, live)
	if err != nil {
		t.Fatal(err)
	}
	job := eventstest.Upload(t, upload, events.User{ID: "alice"}, events.Artifact{}, events.Options{})
	p := events.Progress{Service: events.StageValidation, Step: events.FileReading, Percent: 12,
		Status: events.StatusProcessing, Trigger: job.Seq}
	if err := validation.SetProgress(t.Context(), &job, p); err != nil {
		t.Fatal(err)
	}
	if err := f.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	fact, moved := <-live, <-live
	if err := sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	copyOf := func(m *nats.Msg) *nats.Msg {
		c := nats.NewMsg(m.Subject)
		c.Data = slices.Clone(m.Data)
		for name, values := range m.Header {
			c.Header[name] = slices.Clone(values)
		}
		return c
	}
	for seq, at := range map[uint64]time.Time{2: time.Now(), 3: time.Now(), 1 << 40: time.Now().Add(time.Hour)} {
		forged := copyOf(fact) // never stored under that sequence
		forged.Header.Set("Nats-Sequence", strconv.FormatUint(seq, 10))
		forged.Header.Set("Nats-Time-Stamp", at.UTC().Format(time.RFC3339Nano))
		if err := f.receive(t.Context(), forged); err != nil {
			t.Fatal(err)
		}
	}
	twice := copyOf(fact)
	twice.Header["Nats-Sequence"] = []string{"2", "1"}
	if err := f.receive(t.Context(), twice); err != nil || f.last.seq != 1 || len(got) != 0 {
		t.Fatalf("passed on %v, last %d, %v", got, f.last.seq, err)
	}
	forged := copyOf(moved)
	forged.Data = []byte(`{"job_id":"` + job.ID + `","type":"progress","progress":99}`)
	if err := f.receive(t.Context(), forged); err != nil {
		t.Fatal(err)
	}
	// The run passes on what is stored: the progress of before, and another job's fact at
	// once, although a live message spoke of a later one.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	passed := make(chan struct{})
	f.onFact = func(_ context.Context, e events.Event, _ uint64) { got = append(got, e.Seq); close(passed) }
	next := make(chan *nats.Msg, 1)
	if sub, err = f.js.Conn().ChanSubscribe(liveSubject, next); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := f.js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- f.run(ctx, next) }()
	eventstest.Upload(t, upload, events.User{ID: "bob"}, events.Artifact{}, events.Options{})
	<-passed
	time.Sleep(5 * progressDelay)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []uint64{2}) || !slices.Equal(progress, []int{12}) {
		t.Errorf("facts %v, progress %v", got, progress)
	}
}
