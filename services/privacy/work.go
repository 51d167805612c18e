package privacy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/person"
)

// RunCases does the cases, one at a time, until ctx ends. Any number of processes may
// run it. A case that was being done when its process was killed is done again, by
// whoever is there.
func (s *Service) RunCases(ctx context.Context) error {
	js := s.cfg.Log.JetStream()
	consumer, err := js.Consumer(ctx, events.StreamCases, events.ConsumerCases)
	if err != nil && ctx.Err() != nil {
		return nil // stopped before it began
	}
	if err != nil {
		return fmt.Errorf("consume cases: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(1))
	if err != nil {
		return fmt.Errorf("consume cases: %w", err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Drain)()
	for {
		msg, err := messages.Next()
		switch {
		case err == nil:
			s.settle(ctx, msg, s.handle(ctx, msg))
		case ctx.Err() != nil:
			return nil
		case js.Conn().IsClosed(), errors.Is(err, nats.ErrConnectionClosed):
			return fmt.Errorf("consume cases: %w", events.ClosedForGood(js.Conn()))
		case errors.Is(err, jetstream.ErrMsgIteratorClosed),
			errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound):
			return fmt.Errorf("consume cases: %w", err)
		default:
			s.cfg.Logger.WarnContext(ctx, "fetch of cases failed, trying again", "err", err)
		}
	}
}

// busyError says that a case is not done because jobs are under way.
type busyError struct{ jobs int }

func (e busyError) Error() string { return fmt.Sprintf("%d jobs are under way", e.jobs) }

const (
	// busyWait is how long a case waits for jobs that are under way.
	busyWait = 10 * time.Second
	// failedWait is how long a case waits at most after a failure.
	failedWait = time.Minute
)

// settle acknowledges a message, or has it delivered again.
func (s *Service) settle(ctx context.Context, msg jetstream.Msg, err error) {
	_, busy := errors.AsType[busyError](err)
	switch {
	case err == nil:
		err = msg.DoubleAck(context.WithoutCancel(ctx))
	case ctx.Err() != nil:
		err = msg.Nak()
	case busy:
		err = msg.NakWithDelay(s.cfg.BusyWait)
	default:
		wait := failedWait
		if meta, merr := msg.Metadata(); merr == nil {
			wait = min(time.Second<<min(meta.NumDelivered, 6), failedWait)
		}
		s.cfg.Logger.ErrorContext(ctx, "case not done, will be tried again", "again_in", wait, "err", err)
		err = msg.NakWithDelay(wait)
	}
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "message of a case not settled, will be delivered again", "err", err)
	}
}

// handle does the case that a message belongs to, and keeps the message meanwhile.
func (s *Service) handle(ctx context.Context, msg jetstream.Msg) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fact, err := cases.Decode(msg.Subject(), msg.Headers(), msg.Data())
	if err != nil {
		s.cfg.Logger.ErrorContext(ctx, "message of a case not trusted", "err", err)
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	defer func() { cancel(nil); <-done }()
	go func() {
		defer close(done)
		tick := time.NewTicker(events.AckWait / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := msg.InProgress(); err != nil {
					cancel(fmt.Errorf("keep the case: %w", err))
					return
				}
			}
		}
	}()
	return s.Work(ctx, cases.IDOf(fact))
}

// Work does a case that is open, as far as it can be done now. It may be called again
// at any time: what is done is not done twice.
func (s *Service) Work(ctx context.Context, id string) error {
	log := s.cfg.Cases
	c, err := log.Load(ctx, id)
	if err != nil {
		return fmt.Errorf("case %s: %w", id, err)
	}
	if c.Ended() {
		return forgetNumber(ctx, s.cfg.Store, &c)
	}
	if c.Status != cases.Open {
		return nil // it waits for approval
	}
	number, err := c.Number(ctx, s.cfg.Store, s.cfg.Key)
	if isDamaged(err) || errors.Is(err, person.ErrSealed) {
		s.cfg.Logger.ErrorContext(ctx, "the ID number of a case is not kept, or sealed with another key", "case", id)
		return s.end(ctx, &c, &cases.Failed{Code: cases.FailedNumber,
			Message: "The ID number of the case is no longer kept, or was sealed with another key. Please ask again."})
	}
	if err != nil {
		return fmt.Errorf("case %s: %w", id, err)
	}
	if c.Worked == nil {
		if err := s.writeAudit(ctx, &c, "", accessKinds[c.Requested.What]); err != nil {
			return fmt.Errorf("case %s: %w", id, err)
		}
	}
	if err := s.do(ctx, &c, number); err != nil {
		return fmt.Errorf("case %s: %w", id, err)
	}
	return nil
}

// do does what a case asks for.
func (s *Service) do(ctx context.Context, c *cases.Case, number string) error {
	js, hash := s.cfg.Log.JetStream(), c.Requested.Person
	fact := &cases.Completed{Result: newResult()}
	switch c.Requested.What {
	case cases.Lift:
		if err := person.Lift(ctx, js, hash); err != nil {
			return err
		}
	case cases.Object, cases.Erase:
		// First of all: whatever is validated or written from now on leaves the
		// person out.
		if err := person.Object(ctx, js, hash, c.ID, s.cfg.Now()); err != nil {
			return err
		}
	}
	switch c.Requested.What {
	case cases.Object:
		fact.Result.Objected = true
	case cases.Erase:
		p, err := s.newSubject(ctx, number)
		if err != nil {
			return err
		}
		result, err := s.erase(ctx, c, p)
		if err != nil {
			return err
		}
		result.Objected = true
		if keepCounts(c, &result); len(result.Busy) > 0 {
			return s.waitForJobs(ctx, c, result)
		}
		fact.Result = result
	case cases.Export:
		p, err := s.newSubject(ctx, number)
		if err != nil {
			return err
		}
		all, err := s.export(ctx, c, p)
		if err != nil {
			return err
		}
		text, err := all.encode()
		if err != nil {
			return err
		}
		a, err := c.StoreExport(ctx, s.cfg.Store, s.cfg.Key, text)
		if err != nil {
			return err
		}
		fact.Result, fact.Export = all.summarise(), &a
	}
	if err := s.end(ctx, c, fact); err != nil {
		if fact.Export != nil && errors.Is(err, events.ErrConflict) {
			err = errors.Join(err, s.cfg.Store.Discard(ctx, fact.Export.Bucket, fact.Export.Name))
		}
		return err
	}
	return nil
}

// keepCounts adds what earlier passes have removed, so that the last one tells of all.
func keepCounts(c *cases.Case, now *cases.Result) {
	if c.Worked == nil {
		return
	}
	was := c.Worked.Result
	now.Members, now.Outcomes = now.Members+was.Members, now.Outcomes+was.Outcomes
	now.Mentions, now.Unfinished = now.Mentions+was.Mentions, now.Unfinished+was.Unfinished
	seen := map[string]bool{}
	for _, id := range now.Jobs {
		seen[id] = true
	}
	for _, id := range was.Jobs {
		if !seen[id] {
			now.Jobs = append(now.Jobs, id)
		}
	}
}

// waitForJobs appends what a pass has done, if that is anything new, and has the case
// done again later.
func (s *Service) waitForJobs(ctx context.Context, c *cases.Case, result cases.Result) error {
	if was := c.Worked; was == nil || len(was.Result.Busy) != len(result.Busy) ||
		len(was.Result.Jobs) != len(result.Jobs) || was.Result.Members != result.Members {
		if err := s.cfg.Cases.Append(ctx, c, c.ID, &cases.Worked{Result: result}); err != nil {
			return err
		}
		s.cfg.Logger.InfoContext(ctx, "case waits for jobs", "case", c.ID, "kind", c.Requested.What, "jobs", len(result.Busy))
	}
	return busyError{len(result.Busy)}
}

// end appends the last fact of a case and removes the ID number.
func (s *Service) end(ctx context.Context, c *cases.Case, fact cases.Fact) error {
	if err := s.cfg.Cases.Append(ctx, c, c.ID, fact); err != nil {
		return err
	}
	s.cfg.Logger.InfoContext(ctx, "case ended", "case", c.ID, "kind", c.Requested.What, "status", c.Status)
	return forgetNumber(ctx, s.cfg.Store, c)
}

func forgetNumber(ctx context.Context, store *events.Store, c *cases.Case) error {
	a := c.Requested.Number
	return store.Discard(ctx, a.Bucket, a.Name)
}
