package gateway

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

const (
	liveSubject = events.LivePrefix + allFacts
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

// allFacts matches every message of the stream of facts.
const allFacts = "bulk.>"

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
	anchor     position            // a message not after last that the stream still had; zero for none
	heard      uint64              // the newest sequence that a live message spoke of
	expired    bool                // last says that the time of its job is over: the job may be forgotten
	behind     int                 // checks in a row that found the stream ending before last
	moved      map[string]struct{} // subjects of progress that live messages spoke of
	held       map[string]struct{} // jobs with a fact that this program does not know
	newest     newestFacts
	onFact     func(ctx context.Context, e events.Event, follows uint64)
	onProgress func(ctx context.Context, p events.Progress, owner string)
	onPassed   func(stored time.Time) // called after onFact; may be nil
	onHeld     func(jobID, owner string, seq uint64)
	log        *slog.Logger
}

// start reads where the stream ends now.
func (f *feed) start(ctx context.Context) error {
	end, err := readEnd(ctx, f.js)
	if err != nil {
		return err
	}
	f.last, f.anchor = position{end.Seq, end.At}, position{end.Stored, end.At}
	return nil
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
	_, err := f.fillFrom(ctx, f.known())
	return err
}

// known is the newest message not after last of which the feed knows when it was stored.
// When a feed starts, that may not be last: what was found there then came before it.
func (f *feed) known() position {
	if f.anchor.seq > 0 && f.anchor.seq <= f.last.seq {
		return f.anchor
	}
	return f.last
}

// fillFrom is fill. known is a message not after last: if the stream has its sequence,
// it must be that message. Read says whether there was anything from there on.
func (f *feed) fillFrom(ctx context.Context, known position) (read bool, err error) {
	from := known.seq
	for more := true; more; {
		var msgs []*jetstream.RawStreamMsg
		msgs, more, err = events.ReadBatch(ctx, f.js, events.StreamFacts, events.AllSubjects, from)
		if err != nil {
			return read, err
		}
		for _, m := range msgs {
			read = true
			here := position{m.Sequence, m.Time}
			from = here.seq + 1
			if here.seq == known.seq && !here.at.Equal(known.at) {
				return read, errRecreated
			}
			if here.seq > f.last.seq {
				f.passOn(ctx, m.Subject, m.Header, m.Data, here)
			}
			f.anchor = here
		}
	}
	return read, nil
}

func (f *feed) passOn(ctx context.Context, subject string, header nats.Header, body []byte, here position) {
	f.last, f.expired = here, false
	e, err := events.Decode(subject, header, body, here.seq)
	if errors.Is(err, events.ErrNewer) {
		f.hold(ctx, subject, header, here.seq, err)
		return
	}
	if errors.Is(err, events.ErrArchive) {
		f.expired = true // as after a long time
		return           // its facts were passed on
	}
	if err != nil {
		f.log.WarnContext(ctx, "invalid fact ignored", "seq", here.seq, "err", err)
		return
	}
	if erased, ok := e.Fact.(*events.Erased); ok {
		f.expired = erased.Reason == events.ErasedExpired
	}
	if _, held := f.held[e.JobID]; held {
		return
	}
	f.newest.note(e, time.Now())
	follows, _ := events.PreviousSeq(e.JobID, header)
	f.onFact(ctx, e, follows)
	if f.onPassed != nil {
		f.onPassed(here.at)
	}
}

// hold passes on nothing of a job from here on, because a newer rollcall has stored a
// fact of it that this one does not know. A client that got the later facts would never
// ask for this one again.
func (f *feed) hold(ctx context.Context, subject string, header nats.Header, seq uint64, cause error) {
	jobID, _, err := events.ParseSubject(subject)
	if err != nil {
		return // Decode has read it
	}
	if _, held := f.held[jobID]; !held {
		f.log.WarnContext(ctx, "a newer rollcall works on a job; its clients have to come back to a newer gateway",
			"job", jobID, "seq", seq, "err", cause)
	}
	if f.held == nil {
		f.held = map[string]struct{}{}
	}
	f.held[jobID] = struct{}{}
	owner, err := url.PathUnescape(header.Get(events.HeaderOwner))
	if err == nil && f.onHeld != nil {
		f.onHeld(jobID, events.UserID(owner), seq)
	}
}

// checkNewest looks for facts after last, in case their live messages got lost, and
// whether the stream is still the one that last came from.
func (f *feed) checkNewest(ctx context.Context) error {
	read, err := f.fillFrom(ctx, f.known())
	if err != nil {
		return err
	}
	if read {
		f.behind = 0
		return nil
	}
	end, err := readEnd(ctx, f.js)
	if err != nil {
		return err
	}
	if end.Seq >= f.last.seq || end.Stored == 0 && f.expired {
		// A job was forgotten, or all were. The stream has given the sequence, and nothing
		// more since.
		f.behind = 0
		f.anchor = position{end.Stored, end.At}
		return nil
	}
	f.behind++
	if f.behind >= behindChecks || (f.behind >= youngerChecks && end.At.After(f.last.at)) {
		return errRecreated
	}
	return nil
}

// readEnd returns where the stream of facts ends.
func readEnd(ctx context.Context, js jetstream.JetStream) (events.End, error) {
	return events.ReadEnd(ctx, js, events.StreamFacts, allFacts)
}

func parsePosition(h nats.Header) (p position, err error) {
	p.seq, p.at, err = events.ParsePosition(h)
	return p, err
}
