package gateway

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

const (
	liveSubject = events.LivePrefix + "bulk.>"
	// liveBuffer is how many live messages may wait. Those beyond it are dropped, and
	// are a gap like any other.
	liveBuffer = 8192
	// A stream that ends before the feed does may have been recreated, but a replica
	// that lags looks the same. It counts as recreated after youngerChecks in a row
	// where its end is younger than the feed's newest fact, and after behindChecks in
	// any case: it may have been restored, or be empty.
	youngerChecks, behindChecks = 3, 30
)

// errRecreated says that the stream's sequences have gone back: it was recreated.
var errRecreated = errors.New("stream was made anew")

// position is a message's place in the stream, and when it was stored. The time tells
// two streams of the same name apart.
type position struct {
	seq uint64
	at  time.Time
}

// firstRetry is the wait before the feed reads again what a live message spoke of
// and a replica of the stream did not have yet. It doubles each time.
const firstRetry = 10 * time.Millisecond

// progressDelay is how long progress gathers, so that one request reads that of many
// jobs.
const progressDelay = 20 * time.Millisecond

// feed turns live messages, some of which may get lost, into the stream's facts: in
// order, none missing and none twice. A live message only says that there is
// something to read: whoever may make the server answer a request can forge one, so
// every fact and all progress that is passed on was read from its stream.
type feed struct {
	js         jetstream.JetStream
	interval   time.Duration
	last       position            // the newest fact passed on
	heard      uint64              // the newest sequence that a live message spoke of
	behind     int                 // checks in a row that found the stream ending before last
	moved      map[string]struct{} // subjects of progress that live messages spoke of
	newest     newestFacts
	onFact     func(context.Context, events.Event)
	onProgress func(ctx context.Context, p events.Progress, owner string)
	onPassed   func(stored time.Time) // called after onFact; may be nil
	log        *slog.Logger
}

// start reads where the stream ends now.
func (f *feed) start(ctx context.Context) (err error) {
	f.last, err = readNewest(ctx, f.js)
	return err
}

// run passes on facts until ctx ends or the stream turns out to be recreated.
func (f *feed) run(ctx context.Context, live <-chan *nats.Msg) error {
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	var wait time.Duration
	var retry, progress <-chan time.Time
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case msg := <-live:
			before := f.heard
			err = f.receive(ctx, msg)
			if f.heard > before && f.heard > f.last.seq {
				wait, retry = firstRetry, time.After(firstRetry)
			}
		case <-retry:
			retry = nil
			err = f.fill(ctx)
			if wait *= 2; f.heard <= f.last.seq {
				break
			}
			if wait < f.interval {
				retry = time.After(wait)
			} else {
				f.heard = f.last.seq // forged, or the next check reads it
			}
		case <-progress:
			progress = nil
			err = f.readProgress(ctx)
		case <-tick.C:
			f.newest.forget(time.Now())
			// The message that got lost may have been the newest.
			err = f.checkNewest(ctx)
		}
		if progress == nil && len(f.moved) > 0 {
			progress = time.After(progressDelay)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errRecreated):
			return err
		case err != nil:
			// The next message, or the next check, finds the same gap.
			f.log.WarnContext(ctx, "cannot read the stream, trying again", "after", f.last.seq, "err", err)
		}
	}
}

// receive handles one live message.
func (f *feed) receive(ctx context.Context, msg *nats.Msg) error {
	if len(msg.Header.Values("Nats-Stream")) > 1 || len(msg.Header.Values("Nats-Sequence")) > 1 {
		f.log.WarnContext(ctx, "forged live message ignored")
		return nil
	}
	switch msg.Header.Get("Nats-Stream") {
	case events.StreamProgress:
		jobID, kind, err := events.ParseSubject(msg.Subject)
		if err != nil || kind != events.KindProgress {
			f.log.WarnContext(ctx, "invalid progress ignored")
			return nil
		}
		if f.moved == nil {
			f.moved = map[string]struct{}{}
		}
		f.moved[events.Subject(jobID, kind)] = struct{}{}
		return nil
	case events.StreamFacts:
	default:
		f.log.WarnContext(ctx, "live message of an unknown stream ignored")
		return nil
	}
	here, err := parsePosition(msg.Header)
	switch {
	case err != nil:
		f.log.WarnContext(ctx, "invalid live message ignored", "err", err)
		return nil
	case here.seq > f.last.seq:
		f.heard = max(f.heard, here.seq)
		return f.fill(ctx)
	case here.at.After(f.last.at):
		return f.checkNewest(ctx) // an old sequence in a young message
	}
	return nil
}

// readProgress passes on the newest progress of the jobs that moved.
func (f *feed) readProgress(ctx context.Context) error {
	subjects := slices.Collect(maps.Keys(f.moved))
	f.moved = nil
	for some := range slices.Chunk(subjects, events.MaxReadLast) {
		msgs, err := events.ReadLast(ctx, f.js, events.StreamProgress, some)
		if err != nil {
			return err
		}
		for _, m := range msgs {
			p, owner, err := events.DecodeProgress(m.Subject, m.Header, m.Data)
			if err != nil {
				f.log.WarnContext(ctx, "invalid progress ignored", "err", err)
				continue
			}
			if !f.newest.outdates(p) {
				f.onProgress(ctx, p, owner)
			}
		}
	}
	return nil
}

// fill passes on everything that the stream has after last. Sequences that are missing
// there were deleted.
func (f *feed) fill(ctx context.Context) error {
	for more := true; more; {
		var msgs []*jetstream.RawStreamMsg
		var err error
		msgs, more, err = events.ReadBatch(ctx, f.js, events.StreamFacts, "bulk.>", f.last.seq)
		if err != nil {
			return err
		}
		for _, m := range msgs {
			here := position{m.Sequence, m.Time}
			switch {
			case here.seq > f.last.seq:
				f.passOn(ctx, m.Subject, m.Header, m.Data, here)
			case !here.at.Equal(f.last.at):
				return errRecreated
			}
		}
	}
	return nil
}

func (f *feed) passOn(ctx context.Context, subject string, header nats.Header, body []byte, here position) {
	f.last = here
	e, err := events.Decode(subject, header, body, here.seq)
	if err != nil {
		f.log.WarnContext(ctx, "invalid fact ignored", "seq", here.seq, "err", err)
		return
	}
	f.newest.note(e, time.Now())
	f.onFact(ctx, e)
	if f.onPassed != nil {
		f.onPassed(here.at)
	}
}

// checkNewest asks for the stream's newest message, in case its live message got lost.
func (f *feed) checkNewest(ctx context.Context) error {
	end, err := readNewest(ctx, f.js)
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
		return errRecreated
	}
	f.behind++
	if f.behind >= behindChecks || (f.behind >= youngerChecks && end.at.After(f.last.at)) {
		return errRecreated
	}
	return nil
}

// readNewest returns the position of the stream's last message, zero for an empty one.
func readNewest(ctx context.Context, js jetstream.JetStream) (p position, err error) {
	p.seq, p.at, err = events.ReadNewest(ctx, js, events.StreamFacts, "bulk.>")
	return p, err
}

func parsePosition(h nats.Header) (p position, err error) {
	p.seq, p.at, err = events.ParsePosition(h)
	return p, err
}
