package answers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"rollcall.example/events"
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

// append appends a request, together with all others that wait at the moment. It returns
// when NATS has it on the disk and all before it is known here.
func (s *Store) append(ctx context.Context, r *request) (appended, error) {
	r.done = make(chan appended, 1)
	s.mu.Lock()
	s.pending = append(s.pending, r)
	if !s.committing {
		s.committing = true
		s.work.Go(s.commit)
	}
	s.mu.Unlock()
	select {
	case done := <-r.done:
		return done, done.err
	case <-ctx.Done():
		return appended{}, context.Cause(ctx)
	}
}

// commit writes what waits until nothing does.
func (s *Store) commit() {
	for {
		s.mu.Lock()
		list := s.pending[:min(len(s.pending), mostAtOnce)]
		s.pending = s.pending[len(list):]
		if s.committing = len(list) > 0; !s.committing {
			s.pending = nil
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		if err := s.write(s.stopped, list); err != nil {
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
func (s *Store) write(ctx context.Context, list []*request) error {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	unlock, err := s.lockLog(ctx)
	if err != nil {
		return err
	}
	defer unlock()
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
	if err := s.publish(ctx, batches); err != nil {
		return err
	}
	if claims.seq > answers.seq {
		batches[0], batches[1] = answers, claims
	}
	if err := s.applyOwn(ctx, batches); err != nil {
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
func (s *Store) publish(ctx context.Context, batches []*batch) error {
	errs := make(chan error, len(batches))
	for _, b := range batches {
		go func() { errs <- s.publishOne(ctx, b) }()
	}
	var err error
	for range batches {
		err = errors.Join(err, <-errs)
	}
	return err
}

// publishOne appends a batch. It sends the message again until NATS confirms it; the
// server takes the same message only once.
func (s *Store) publishOne(ctx context.Context, b *batch) error {
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
		ack, err := s.js.PublishMsg(try, msg)
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

// mayPass reports whether an append that failed may succeed in a moment.
func mayPass(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders) ||
		errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrDisconnected) ||
		errors.As(err, &api) && api.Code == http.StatusServiceUnavailable
}

// applyOwn applies batches that were just appended, in the order of their sequences. What
// others have appended before is read first.
func (s *Store) applyOwn(ctx context.Context, batches []*batch) error {
	before := s.state.applied
	for _, b := range batches {
		if b.seq == 0 {
			continue
		}
		if b.seq <= before {
			// Somebody has made the log anew, or restored it from a backup.
			s.mu.Lock()
			s.state, s.epoch = newState(), 0
			s.mu.Unlock()
			return errors.New("the log of answers has begun again")
		}
		if b.seq <= s.state.applied {
			continue // it was read together with the other one
		}
		if b.seq == s.state.applied+1 { // nobody else appends, so the log need not be read
			b.granted = s.apply(b.seq, s.cfg.Now(), &b.message)
			continue
		}
		if err := s.readLog(ctx, b.seq, func(seq uint64, granted []bool) {
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
func (s *Store) apply(seq uint64, at time.Time, m *message) []bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	granted := s.state.apply(seq, at, m, s.dictionary.intern)
	if s.state.unfolded >= s.foldAt {
		select {
		case s.full <- struct{}{}:
		default:
		}
	}
	return granted
}

// lockLog waits for the right to read and write the log, and sees to it that the log was
// read once.
func (s *Store) lockLog(ctx context.Context) (unlock func(), err error) {
	select {
	case s.reading <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	unlock = func() { <-s.reading }
	if s.epoch != 0 {
		return unlock, nil
	}
	if err := s.load(ctx); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// load reads the log for the first time.
func (s *Store) load(ctx context.Context) error {
	stream, err := s.js.Stream(ctx, events.StreamIEC)
	if err != nil {
		return fmt.Errorf("open the log of answers: %w", err)
	}
	if err := s.convert(ctx); err != nil {
		return err
	}
	if err := s.readLog(ctx, 0, nil); err != nil {
		return err
	}
	s.epoch = stream.CachedInfo().Created.UnixNano()
	return nil
}

// catchUp applies what others have appended until now.
func (s *Store) catchUp(ctx context.Context) error {
	unlock, err := s.lockLog(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return s.readLog(ctx, 0, nil)
}

// readLog applies all messages that were not applied yet, at least up to a sequence.
// applied may be nil. A server that lags is asked again.
func (s *Store) readLog(ctx context.Context, upTo uint64, applied func(seq uint64, granted []bool)) error {
	ctx, cancel := context.WithTimeout(ctx, lagTime)
	defer cancel()
	for {
		msgs, more, err := events.ReadBatch(ctx, s.js, events.StreamIEC, events.AllSubjects, s.state.applied+1)
		if err != nil {
			return fmt.Errorf("read the log of answers: %w", err)
		}
		for _, raw := range msgs {
			var m message
			if err := json.Unmarshal(raw.Data, &m); err != nil {
				return fmt.Errorf("read the log of answers: message %d is none", raw.Sequence)
			}
			granted := s.apply(raw.Sequence, raw.Time, &m)
			if applied != nil {
				applied(raw.Sequence, granted)
			}
		}
		switch {
		case more:
			continue
		case s.state.applied >= upTo:
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("read the log of answers: the server that answers has %d of %d messages: %w",
				s.state.applied, upTo, context.Cause(ctx))
		case <-time.After(lagWait):
		}
	}
}
