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
	// anewAfter is how many looks in a row must find the stream behind the
	// feed: a lagging follower may answer one of them.
	anewAfter = 3
)

// errAnew says that the stream's sequences have gone back: it was made anew.
var errAnew = errors.New("stream was made anew")

// feed turns the live messages, which may be lost, into the stream's facts,
// none missing, none twice, in order. Whatever lies between the last sequence
// that it has passed on and the one that has just come is read from the stream.
type feed struct {
	js       jetstream.JetStream
	every    time.Duration
	last     uint64 // the newest sequence passed on
	behind   int    // looks in a row that found the stream behind last
	fact     func(events.Event)
	progress func(events.Progress, string)
	warn     func(msg string, args ...any)
}

// start finds out where the stream ends now.
func (f *feed) start(ctx context.Context) error {
	newest, err := newest(ctx, f.js)
	if err != nil {
		return err
	}
	f.last = newest
	return nil
}

// run passes on facts until ctx ends or the stream is made anew.
func (f *feed) run(ctx context.Context, live <-chan *nats.Msg) error {
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case msg := <-live:
			f.hear(ctx, msg)
		case <-tick.C:
			// The live word of the newest fact may be the one that was lost.
			if err := f.look(ctx); err != nil {
				return err
			}
		}
	}
}

func (f *feed) hear(ctx context.Context, msg *nats.Msg) {
	if msg.Header.Get("Nats-Stream") == events.StreamProgress {
		p, owner, err := events.DecodeProgress(msg.Subject, msg.Header, msg.Data)
		if err != nil {
			f.warn("progress left out", "err", err)
			return
		}
		f.progress(p, owner)
		return
	}
	seq, err := strconv.ParseUint(msg.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil || msg.Header.Get("Nats-Stream") != events.StreamFacts {
		f.warn("live message left out", "subject", msg.Subject)
		return
	}
	if seq > f.last+1 {
		if err := f.fill(ctx); err != nil {
			// The next message, or the next look, finds the same gap.
			f.warn("gap not filled yet", "after", f.last, "err", err)
			return
		}
	}
	// A replica that lags answers completely and yet without the newest. Only
	// a message that joins on may be passed on; the next look reads the others.
	if seq == f.last+1 {
		f.pass(msg.Subject, msg.Header, msg.Data, seq)
	}
}

// fill passes on everything that the stream has after last. Sequences that it
// does not have were deleted.
func (f *feed) fill(ctx context.Context) error {
	for more := true; more; {
		var msgs []*jetstream.RawStreamMsg
		var err error
		msgs, more, err = events.Read(ctx, f.js, events.StreamFacts, "bulk.>", f.last+1)
		if err != nil {
			return err
		}
		for _, m := range msgs {
			f.pass(m.Subject, m.Header, m.Data, m.Sequence)
		}
	}
	return nil
}

func (f *feed) pass(subject string, header nats.Header, body []byte, seq uint64) {
	f.last = seq
	e, err := events.Decode(subject, header, body, seq)
	if err != nil {
		f.warn("message left out", "seq", seq, "err", err)
		return
	}
	f.fact(e)
}

func (f *feed) look(ctx context.Context) error {
	newest, err := newest(ctx, f.js)
	if err != nil {
		f.warn("stream not reached", "err", err)
		return nil
	}
	if newest < f.last {
		if f.behind++; f.behind >= anewAfter {
			return errAnew
		}
		return nil
	}
	f.behind = 0
	if newest > f.last {
		if err := f.fill(ctx); err != nil {
			f.warn("gap not filled yet", "after", f.last, "err", err)
		}
	}
	return nil
}

// newest is the sequence of the stream's last message, 0 when it has none.
func newest(ctx context.Context, js jetstream.JetStream) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := json.Marshal(map[string]string{"last_by_subj": "bulk.>"})
	if err != nil {
		return 0, err
	}
	msg, err := js.Conn().RequestWithContext(ctx, "$JS.API.DIRECT.GET."+events.StreamFacts, req)
	if err != nil {
		return 0, fmt.Errorf("newest sequence: %w", err)
	}
	switch status := msg.Header.Get("Status"); status {
	case "":
	case "404":
		return 0, nil
	default:
		return 0, fmt.Errorf("newest sequence: status %s", status)
	}
	seq, err := strconv.ParseUint(msg.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("newest sequence: %w", err)
	}
	return seq, nil
}
