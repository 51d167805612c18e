package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

const (
	liveSubject = events.LivePrefix + "bulk.>"
	// liveBuffer is how many live messages may wait; what is dropped beyond it
	// is a gap like any other.
	liveBuffer = 8192
	lookTime   = 5 * time.Second
	// A replica that lags ends before the feed too, so one answer is no proof
	// that the stream was made anew: anewSure of them in a row are when what
	// they end with is younger than what the feed has, and anewPatience are in
	// any case (the stream may have been restored, or have nothing yet).
	anewSure, anewPatience = 3, 30
)

// errAnew says that the stream's sequences have gone back: it was made anew.
var errAnew = errors.New("stream was made anew")

// place is where in the stream a message stands, and when it got there. The
// time tells two streams of the same name apart.
type place struct {
	seq uint64
	at  time.Time
}

// feed turns the live messages, which may be lost, into the stream's facts,
// none missing, none twice, in order. Whatever lies between the last sequence
// that it has passed on and the one that has just come is read from the stream.
type feed struct {
	js       jetstream.JetStream
	every    time.Duration
	last     place // the newest fact passed on
	behind   int   // looks in a row that found the stream ending before last
	fact     func(events.Event)
	progress func(events.Progress, string)
	passed   func(stored time.Time) // after fact; may be nil
	warn     func(msg string, args ...any)
}

// start finds out where the stream ends now.
func (f *feed) start(ctx context.Context) (err error) {
	f.last, err = newest(ctx, f.js)
	return err
}

// run passes on facts until ctx ends or the stream is made anew.
func (f *feed) run(ctx context.Context, live <-chan *nats.Msg) error {
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case msg := <-live:
			err = f.hear(ctx, msg)
		case <-tick.C:
			// The live word of the newest fact may be the one that was lost.
			err = f.look(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errAnew):
			return err
		case err != nil:
			// The next message, or the next look, finds the same gap.
			f.warn("stream not read", "after", f.last.seq, "err", err)
		}
	}
}

func (f *feed) hear(ctx context.Context, msg *nats.Msg) error {
	switch msg.Header.Get("Nats-Stream") {
	case events.StreamProgress:
		p, owner, err := events.DecodeProgress(msg.Subject, msg.Header, msg.Data)
		if err != nil {
			f.warn("progress left out", "err", err)
			return nil
		}
		f.progress(p, owner)
		return nil
	case events.StreamFacts:
	default:
		f.warn("live message left out", "subject", msg.Subject)
		return nil
	}
	here, err := placeOf(msg.Header)
	switch {
	case err != nil:
		f.warn("live message left out", "subject", msg.Subject, "err", err)
		return nil
	case here.seq == f.last.seq+1:
		f.pass(msg.Subject, msg.Header, msg.Data, here)
		return nil
	case here.seq > f.last.seq:
		// Only what was read is passed on, this message included: a replica
		// that lags answers completely and yet without the newest, and what is
		// missing may be among that. The next look reads it.
		return f.fill(ctx)
	case here.at.After(f.last.at):
		return f.look(ctx) // an old sequence and a young message
	}
	return nil
}

// fill passes on everything that the stream has after last. Sequences that it
// does not have were deleted.
func (f *feed) fill(ctx context.Context) error {
	for more := true; more; {
		var msgs []*jetstream.RawStreamMsg
		var err error
		msgs, more, err = events.ReadBatch(ctx, f.js, events.StreamFacts, "bulk.>", f.last.seq)
		if err != nil {
			return err
		}
		for _, m := range msgs {
			here := place{m.Sequence, m.Time}
			switch {
			case here.seq > f.last.seq:
				f.pass(m.Subject, m.Header, m.Data, here)
			case !here.at.Equal(f.last.at):
				return errAnew
			}
		}
	}
	return nil
}

func (f *feed) pass(subject string, header nats.Header, body []byte, here place) {
	f.last = here
	e, err := events.Decode(subject, header, body, here.seq)
	if err != nil {
		f.warn("message left out", "seq", here.seq, "err", err)
		return
	}
	f.fact(e)
	if f.passed != nil {
		f.passed(here.at)
	}
}

func (f *feed) look(ctx context.Context) error {
	end, err := newest(ctx, f.js)
	switch {
	case err != nil:
		return err
	case end.seq > f.last.seq:
		f.behind = 0
		return f.fill(ctx)
	case end.seq == f.last.seq && end.at.Equal(f.last.at):
		f.behind = 0
		return nil
	case end.seq == f.last.seq:
		return errAnew
	}
	f.behind++
	if f.behind >= anewPatience || (f.behind >= anewSure && end.at.After(f.last.at)) {
		return errAnew
	}
	return nil
}

// newest is the place of the stream's last message, zero when it has none.
func newest(ctx context.Context, js jetstream.JetStream) (place, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	req, err := json.Marshal(map[string]string{"last_by_subj": "bulk.>"})
	if err != nil {
		return place{}, err
	}
	msg, err := js.Conn().RequestWithContext(ctx, "$JS.API.DIRECT.GET."+events.StreamFacts, req)
	if err != nil {
		return place{}, fmt.Errorf("ask for the newest message: %w", err)
	}
	switch status := msg.Header.Get("Status"); status {
	case "":
		return placeOf(msg.Header)
	case "404":
		return place{}, nil
	default:
		return place{}, fmt.Errorf("ask for the newest message: status %s", status)
	}
}

func placeOf(h nats.Header) (place, error) {
	seq, err := strconv.ParseUint(h.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return place{}, fmt.Errorf("sequence: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, h.Get("Nats-Time-Stamp"))
	if err != nil {
		return place{}, fmt.Errorf("time stamp: %w", err)
	}
	return place{seq, at}, nil
}
