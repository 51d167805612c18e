package gateway

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// failOnLog returns a logger that fails the test with each line.
func failOnLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(failingWriter{t}, nil))
}

type failingWriter struct{ t *testing.T }

func (w failingWriter) Write(line []byte) (int, error) {
	w.t.Errorf("logged: %s", line)
	return len(line), nil
}

// Live messages come late, twice or never. Facts come once and in order.
func TestFeedFillsGapsOfLiveMessages(t *testing.T) {
	srv := eventstest.Start(t)
	upload := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	var got []uint64
	f := &feed{
		js:     eventstest.Connect(t, srv, "gateway"),
		onFact: func(_ context.Context, e events.Event, _ uint64) { got = append(got, e.Seq) },
		log:    failOnLog(t),
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
			if err := f.receive(t.Context(), msg); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.checkNewest(t.Context()); err != nil { // the last may have been lost
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

func TestFeedSkipsDeletedSequences(t *testing.T) {
	srv := eventstest.Start(t)
	upload := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	var got []uint64
	f := &feed{
		js:     eventstest.Connect(t, srv, "gateway"),
		onFact: func(_ context.Context, e events.Event, _ uint64) { got = append(got, e.Seq) },
		log:    failOnLog(t),
	}
	for range 5 {
		eventstest.Upload(t, upload, events.User{ID: "alice"}, events.Artifact{}, events.Options{})
	}
	s, err := eventstest.Connect(t, srv, eventstest.Owner).Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{2, 3} {
		if err := s.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.checkNewest(t.Context()); err != nil || !slices.Equal(got, []uint64{1, 4, 5}) {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestFeedNoticesARecreatedStream(t *testing.T) {
	for name, tc := range map[string]struct {
		stored int      // facts in the stream
		last   position // what the feed has passed on
		checks int      // until it notices
	}{
		"shorter, and younger":  {stored: 2, last: position{10, time.Unix(1e9, 0)}, checks: youngerChecks},
		"shorter, and not":      {stored: 2, last: position{10, time.Now().Add(time.Hour)}, checks: behindChecks},
		"empty":                 {stored: 0, last: position{10, time.Now()}, checks: behindChecks},
		"as long":               {stored: 2, last: position{2, time.Unix(1e9, 0)}, checks: 1},
		"longer, when it fills": {stored: 3, last: position{2, time.Unix(1e9, 0)}, checks: 1},
	} {
		t.Run(name, func(t *testing.T) {
			srv := eventstest.Start(t)
			log := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
			for range tc.stored {
				eventstest.Upload(t, log, events.User{ID: "alice"}, events.Artifact{}, events.Options{})
			}
			f := &feed{js: eventstest.Connect(t, srv, "gateway"), last: tc.last, log: events.Logger(nil),
				onFact: func(_ context.Context, e events.Event, _ uint64) { t.Errorf("passed on %d", e.Seq) }}
			for i := 1; i < tc.checks; i++ {
				if err := f.checkNewest(t.Context()); err != nil {
					t.Fatalf("check %d: %v", i, err)
				}
			}
			if err := f.checkNewest(t.Context()); !errors.Is(err, errRecreated) {
				t.Fatalf("err = %v", err)
			}
		})
	}
}

// While a feed starts on a stream whose newest message was deleted, or that has none, facts
// may come between its questions what there is and which sequence is the newest. Then that
// sequence is there, and has another time than the message that was found before.
func TestFeedStartsWhileFactsCome(t *testing.T) {
	srv := eventstest.Start(t)
	upload := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	var got []uint64
	f := &feed{
		js:     eventstest.Connect(t, srv, "gateway"),
		onFact: func(_ context.Context, e events.Event, _ uint64) { got = append(got, e.Seq) },
		log:    failOnLog(t),
	}
	first := eventstest.Upload(t, upload, events.User{ID: "alice"}, events.Artifact{}, events.Options{})
	if err := f.start(t.Context()); err != nil || f.anchor.seq != first.Seq {
		t.Fatalf("starts after %d, %v", f.anchor.seq, err)
	}
	for range 4 {
		eventstest.Upload(t, upload, events.User{ID: "alice"}, events.Artifact{}, events.Options{})
	}
	f.last.seq = 5
	for name, read := range map[string]func(context.Context) error{"fill": f.fill, "check": f.checkNewest} {
		if err := read(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	eventstest.Upload(t, upload, events.User{ID: "alice"}, events.Artifact{}, events.Options{})
	if err := f.fill(t.Context()); err != nil || !slices.Equal(got, []uint64{6}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestQueueKeepsFactsAndTheNewestProgress(t *testing.T) {
	sums := &counters{}
	q := newQueue(3, plainJSON, sums, func() {})
	text := func(s string) encodings { return encodings{[]byte(s)} }
	next := func() string { o, _ := q.next(); return string(o.text) }
	for i := range 5 {
		q.putProgress(frame{jobID: "a", encodings: text("a" + strconv.Itoa(i))})
	}
	q.putProgress(frame{jobID: "b", encodings: text("b0")})
	q.putReply([]byte("ack"))
	if got := []string{next(), next(), next(), next()}; !slices.Equal(got, []string{"ack", "a4", "b0", ""}) {
		t.Fatalf("got %v", got)
	}
	q.putProgress(frame{jobID: "a", encodings: text("outdated")})
	q.putProgress(frame{jobID: "b", encodings: text("b1")})
	if !q.putFact(frame{jobID: "a", seq: 1, encodings: text("fact")}) {
		t.Fatal("the queue took no fact")
	}
	if got := []string{next(), next(), next()}; !slices.Equal(got, []string{"fact", "b1", ""}) {
		t.Fatalf("got %v", got)
	}
	for i := range 3 {
		if !q.putFact(frame{seq: uint64(i + 2), encodings: text("f")}) {
			t.Fatal("the queue took no fact")
		}
	}
	if q.putFact(frame{seq: 9, encodings: text("f")}) {
		t.Fatal("the queue took more than its limit")
	}
	q.giveUp()
	for range 3 {
		if next() != "f" {
			t.Fatal("a queued fact was lost")
		}
	}
	if _, ok := q.next(); ok {
		t.Fatal("the queue did not give the client up")
	}
	// a0 to a3, which a4 outdated, and the one that the fact outdated.
	if n := sums.conflated.Load(); n != 5 {
		t.Errorf("%d frames were conflated", n)
	}
}

// Progress gathers for a moment, and facts are read ahead. Progress from before a fact is
// not passed on behind it: the job would look as if it were at work for good.
func TestNoProgressFollowsTheFactThatEndsIt(t *testing.T) {
	srv := eventstest.Start(t)
	upload := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	validation := events.NewLog(eventstest.Connect(t, srv, "validation"), events.StageValidation, nil)
	iec := events.NewLog(eventstest.Connect(t, srv, "iec"), events.StageIEC, nil)
	var got []string
	f := &feed{
		js:         eventstest.Connect(t, srv, "gateway"),
		onFact:     func(_ context.Context, e events.Event, _ uint64) { got = append(got, string(e.Kind)) },
		onProgress: func(_ context.Context, p events.Progress, _ string) { got = append(got, string(p.Service)) },
		log:        events.Logger(nil),
	}
	if err := f.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	live := make(chan *nats.Msg, 100)
	sub, err := f.js.Conn().ChanSubscribe(liveSubject, live)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection
	receive := func(messages int) {
		t.Helper()
		for range messages {
			if err := f.receive(t.Context(), <-live); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.readProgress(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	setProgress := func(log *events.Log, job *events.Job, s events.Stage) {
		t.Helper()
		p := events.Progress{Service: s, Step: s.FirstStep(), Percent: 12, Status: events.StatusProcessing,
			Trigger: job.Trigger}
		if err := log.SetProgress(t.Context(), job, p); err != nil {
			t.Fatal(err)
		}
	}
	job := eventstest.Upload(t, upload, events.User{ID: "alice"}, events.Artifact{}, events.Options{})
	setProgress(validation, &job, events.StageValidation)
	eventstest.Append(t, validation, &job, eventstest.Facts(job.ID)[0])
	receive(3)
	setProgress(iec, &job, events.StageIEC)
	receive(1)
	setProgress(iec, &job, events.StageIEC)
	eventstest.Append(t, iec, &job, &events.Paused{Stage: events.StageIEC, Reason: events.PauseUnavailable,
		Message: "Wait.", ResumesAt: time.Now()})
	receive(2)
	eventstest.Append(t, iec, &job, &events.Resumed{Stage: events.StageIEC})
	setProgress(iec, &job, events.StageIEC)
	receive(2)
	if want := []string{"uploaded", "validated", "iec", "paused", "resumed", "iec"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
