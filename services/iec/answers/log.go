package answers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

const (
	// mostAtOnce is how many requests go into one message at most.
	mostAtOnce = 500
	// tryTime is how long NATS may take to confirm a message until it is sent again, and
	// writeTime how long that goes on.
	tryTime, writeTime = 2 * time.Second, 20 * time.Second
	// lagTime is how long a server that lags may take to have what another has confirmed.
	lagTime, lagWait = 5 * time.Second, 3 * time.Millisecond
)

// request is one thing to append: a claim, an answer, or that answers were folded.
type request struct {
	claim  *claimed
	answer *answered
	folded uint64
	done   chan appended
}

// appended is what became of a request.
type appended struct {
	seq     uint64 // of its message
	granted bool   // the claim
	err     error
}

// sharedLog is the log as one process knows it.
type sharedLog struct {
	js     jetstream.JetStream
	now    func() time.Time
	intern func(*records.Verdict) *records.Verdict
	foldAt int           // how many answers are folded at once
	full   chan struct{} // says that there are so many

	stop    context.CancelFunc
	stopped context.Context
	work    sync.WaitGroup // commits

	reading chan struct{} // a lock: held by the one that reads or writes the log

	mu sync.Mutex
	// epoch says which log it is, 0 until it was read, and state what it says. Only the
	// holder of reading changes them, and holds mu for that.
	epoch      int64
	state      state
	pending    []*request
	committing bool
}

func newLog(js jetstream.JetStream, now func() time.Time, intern func(*records.Verdict) *records.Verdict) *sharedLog {
	l := &sharedLog{
		js: js, now: now, intern: intern, foldAt: foldAt, full: make(chan struct{}, 1),
		reading: make(chan struct{}, 1), state: newState(),
	}
	l.stopped, l.stop = context.WithCancel(context.Background())
	return l
}

// append appends a request, together with all others that wait at the moment. It returns
// when NATS has it on the disk and all before it is known here.
func (l *sharedLog) append(ctx context.Context, r *request) (appended, error) {
	r.done = make(chan appended, 1)
	l.mu.Lock()
	l.pending = append(l.pending, r)
	if !l.committing {
		l.committing = true
		l.work.Go(l.commit)
	}
	l.mu.Unlock()
	select {
	case done := <-r.done:
		return done, done.err
	case <-ctx.Done():
		return appended{}, context.Cause(ctx)
	}
}

// commit writes what waits until nothing does.
func (l *sharedLog) commit() {
	for {
		l.mu.Lock()
		list := l.pending[:min(len(l.pending), mostAtOnce)]
		l.pending = l.pending[len(list):]
		if l.committing = len(list) > 0; !l.committing {
			l.pending = nil
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		if err := l.write(l.stopped, list); err != nil {
			for _, r := range list {
				r.done <- appended{err: err} // nobody has heard of it yet
			}
		}
	}
}

// batch is requests of one subject, in one message.
type batch struct {
	subject  string
	message  message
	requests []*request
	seq      uint64
	granted  []bool
}

// write appends requests and applies them here, after everything that others appended
// before them.
func (l *sharedLog) write(ctx context.Context, list []*request) error {
	unlock, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	claims, answers := &batch{subject: events.SubjectClaims}, &batch{subject: events.SubjectAnswers}
	for _, r := range list {
		b := answers
		switch {
		case r.claim != nil:
			b = claims
			b.message.Claims = append(b.message.Claims, *r.claim)
		case r.answer != nil:
			b.message.Answers = append(b.message.Answers, *r.answer)
		}
		b.message.Folded = max(b.message.Folded, r.folded)
		b.requests = append(b.requests, r)
	}
	batches := []*batch{claims, answers}
	if err := l.publish(ctx, batches); err != nil {
		return err
	}
	if claims.seq > answers.seq {
		batches[0], batches[1] = answers, claims
	}
	if err := l.applyOwn(ctx, batches); err != nil {
		return err
	}
	for _, b := range batches {
		for i, r := range b.requests {
			r.done <- appended{seq: b.seq, granted: i < len(b.granted) && b.granted[i]}
		}
	}
	return nil
}

// publish appends the batches that hold something, at the same time.
func (l *sharedLog) publish(ctx context.Context, batches []*batch) error {
	errs := make(chan error, len(batches))
	for _, b := range batches {
		go func() { errs <- l.publishOne(ctx, b) }()
	}
	var err error
	for range batches {
		err = errors.Join(err, <-errs)
	}
	return err
}

// publishOne appends a batch. It sends the message again until NATS confirms it; the
// server takes the same message only once.
func (l *sharedLog) publishOne(ctx context.Context, b *batch) error {
	if len(b.requests) == 0 {
		return nil
	}
	body, err := json.Marshal(b.message)
	if err != nil {
		return err
	}
	msg := &nats.Msg{Subject: b.subject, Data: body, Header: nats.Header{}}
	msg.Header.Set(jetstream.MsgIDHeader, nuid.Next())
	if b.subject == events.SubjectClaims {
		msg.Header.Set(jetstream.MsgTTLHeader, events.ClaimTTL.String())
	}
	for {
		try, cancel := context.WithTimeout(ctx, tryTime)
		ack, err := l.js.PublishMsg(try, msg)
		cancel()
		if err == nil {
			b.seq = ack.Sequence
			return nil
		}
		if !mayPass(err) || ctx.Err() != nil {
			return fmt.Errorf("append to the log of answers: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// mayPass reports whether an append that failed may succeed in a moment. Where there is no
// room, the stage waits for some.
func mayPass(err error) bool {
	var api *jetstream.APIError
	if events.StorageFull(err) {
		return false
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders) ||
		errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrDisconnected) ||
		errors.As(err, &api) && api.Code == http.StatusServiceUnavailable
}

// errBegunAgain means that somebody has made the log anew, or restored it from a backup.
var errBegunAgain = errors.New("the log of answers has begun again")

// applyOwn applies batches that were just appended, in the order of their sequences. What
// others have appended before is read first.
func (l *sharedLog) applyOwn(ctx context.Context, batches []*batch) error {
	before := l.state.applied
	for _, b := range batches {
		if b.seq == 0 {
			continue
		}
		if b.seq <= before {
			l.mu.Lock()
			l.state, l.epoch = newState(), 0
			l.mu.Unlock()
			return errBegunAgain
		}
		if b.seq <= l.state.applied {
			continue // it was read together with the other one
		}
		if b.seq == l.state.applied+1 { // nobody else appends, so the log need not be read
			b.granted = l.apply(b.seq, l.now(), &b.message)
			continue
		}
		if err := l.read(ctx, b.seq, func(seq uint64, granted []bool) {
			for _, own := range batches {
				if own.seq == seq {
					own.granted = granted
				}
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// apply applies a message to the state. It is for the holder of reading, as is everything
// else that changes what was applied.
func (l *sharedLog) apply(seq uint64, at time.Time, m *message) []bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	granted := l.state.apply(seq, at, m, l.intern)
	if l.state.unfolded >= l.foldAt {
		select {
		case l.full <- struct{}{}:
		default:
		}
	}
	return granted
}

// lock waits for the right to read and write the log, and sees to it that the log was
// read once.
func (l *sharedLog) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case l.reading <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	unlock = func() { <-l.reading }
	if l.epoch != 0 {
		return unlock, nil
	}
	if err := l.load(ctx); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// load reads the log for the first time.
func (l *sharedLog) load(ctx context.Context) error {
	stream, err := l.js.Stream(ctx, events.StreamIEC)
	if err != nil {
		return fmt.Errorf("open the log of answers: %w", err)
	}
	if err := l.convert(ctx); err != nil {
		return err
	}
	if err := l.read(ctx, 0, nil); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch = stream.CachedInfo().Created.UnixNano()
	return nil
}

// catchUp applies what others have appended until now.
func (l *sharedLog) catchUp(ctx context.Context) error {
	unlock, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return l.read(ctx, 0, nil)
}

// read applies all messages that were not applied yet, at least up to a sequence.
// applied may be nil. A server that lags is asked again.
func (l *sharedLog) read(ctx context.Context, upTo uint64, applied func(seq uint64, granted []bool)) error {
	reached := time.Now()
	for {
		msgs, more, err := events.ReadBatch(ctx, l.js, events.StreamIEC, events.AllSubjects, l.state.applied+1)
		if err != nil {
			return fmt.Errorf("read the log of answers: %w", err)
		}
		for _, raw := range msgs {
			var m message
			if err := json.Unmarshal(raw.Data, &m); err != nil {
				return fmt.Errorf("read the log of answers: message %d is none", raw.Sequence)
			}
			granted := l.apply(raw.Sequence, raw.Time, &m)
			if applied != nil {
				applied(raw.Sequence, granted)
			}
		}
		if len(msgs) > 0 {
			reached = time.Now()
		}
		switch {
		case more:
			continue
		case l.state.applied >= upTo:
			return nil
		case time.Since(reached) > lagTime:
			return fmt.Errorf("read the log of answers: the server that answers has %d of %d messages",
				l.state.applied, upTo)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("read the log of answers: %w", context.Cause(ctx))
		case <-time.After(lagWait):
		}
	}
}
