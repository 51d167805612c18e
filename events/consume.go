package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Delivery is a fact that a durable consumer has delivered.
type Delivery struct {
	Event
	// Count is how often the message was delivered, from 1.
	Count uint64
	// Stored is when the stream stored the message.
	Stored time.Time

	msg jetstream.Msg
	nc  *nats.Conn
}

// Renew asks the server for another AckWait before it delivers the message to
// somebody else. The server has agreed only when the error is nil.
func (d Delivery) Renew(ctx context.Context) error {
	if _, err := d.nc.RequestWithContext(ctx, d.msg.Reply(), []byte("+WPI")); err != nil {
		return fmt.Errorf("renew lease: %w", err)
	}
	return nil
}

// Redelivery is the error of a handler that wants the message again later.
// Consume does not log it, because the handler knows better what happened.
type Redelivery struct {
	// After is how long the server waits; 0 means not at all.
	After time.Duration
	// Err is the cause; nil when there is none.
	Err error
}

// Redeliver returns a *Redelivery. Err may be nil.
func Redeliver(after time.Duration, err error) error {
	return &Redelivery{After: after, Err: err}
}

func (r *Redelivery) Error() string {
	if r.Err != nil {
		return fmt.Sprintf("deliver again in %s: %v", r.After, r.Err)
	}
	return fmt.Sprintf("deliver again in %s", r.After)
}

// Unwrap returns the cause.
func (r *Redelivery) Unwrap() error { return r.Err }

// Termination is the error of a handler that wants the message never again,
// although it did nothing.
type Termination struct {
	// Reason goes into the server's advisory, which operators see.
	Reason string
}

// Terminate returns a *Termination.
func Terminate(reason string) error { return &Termination{Reason: reason} }

func (t *Termination) Error() string { return "terminated: " + t.Reason }

// ErrUnsettled is the error of a handler that may no longer settle the message.
// The server delivers it again after AckWait, unless another worker settles it
// first.
var ErrUnsettled = errors.New("message left unsettled")

// ConsumeOptions are the options of Consume. The zero value is ready to use.
type ConsumeOptions struct {
	// Prefetch is how many messages to fetch at once. All of them must be
	// handled within AckWait. 0 means 1.
	Prefetch int
	// Parallel is how many messages are handled at once; 0 means 1.
	Parallel int
	// Logger logs messages that were not handled; nil discards.
	Logger *slog.Logger
}

// newerDelay is how long the server waits before it offers a message of a newer
// data version to the next process.
const newerDelay = 10 * time.Second

// Consume passes the facts of a durable consumer of the stream BULK to handle,
// one after the other unless options say otherwise, until ctx ends. What handle returns settles the message:
//
//	nil             acknowledge; waits until the server agrees
//	*Redelivery     deliver again after its time
//	*Termination    never deliver again
//	ErrUnsettled    leave alone
//	another error   log; deliver again after a wait that grows with Delivery.Count
//
// Once ctx has ended, an error of handle means: deliver again at once, to
// another process. Consume settles some messages without handle: it leaves one
// of a newer data version to a newer process, and terminates one that is not
// trusted.
//
// Consume returns nil only when ctx has ended. It returns an error when the
// consumer is gone, or when the connection is closed for good because NATS no
// longer accepts the password. Nobody would do the work then.
func Consume(ctx context.Context, js jetstream.JetStream, durable string, opts ConsumeOptions,
	handle func(context.Context, Delivery) error,
) error {
	c := consumer{js: js, log: Logger(opts.Logger).With("consumer", durable), handle: handle}
	if err := c.run(ctx, durable, max(opts.Prefetch, 1), max(opts.Parallel, 1)); err != nil {
		return fmt.Errorf("consume %s: %w", durable, err)
	}
	return nil
}

type consumer struct {
	js     jetstream.JetStream
	log    *slog.Logger
	handle func(context.Context, Delivery) error
}

func (c *consumer) run(ctx context.Context, durable string, ahead, parallel int) error {
	durableConsumer, err := c.js.Consumer(ctx, StreamFacts, durable)
	if err != nil && ctx.Err() != nil {
		return nil // stopped before it began
	}
	if err != nil {
		return err
	}
	messages, err := durableConsumer.Messages(jetstream.PullMaxMessages(ahead))
	if err != nil {
		return err
	}
	back := handBack{settle: func(msg jetstream.Msg) { c.settle(ctx, msg, ctx.Err()) }}
	var handling sync.WaitGroup
	defer handling.Wait()
	defer func() {
		messages.Stop()
		back.begin()
	}()
	// Drain lets messages in flight arrive, so that they can be handed back.
	defer context.AfterFunc(ctx, messages.Drain)()
	places := make(chan struct{}, parallel)
	for {
		places <- struct{}{}
		if ahead == 1 && ctx.Err() != nil {
			return nil // none is in flight, and Next could ask for one
		}
		msg, err := messages.Next()
		if err == nil {
			handling.Go(func() {
				defer func() { <-places }()
				result := c.process(ctx, msg)
				if ctx.Err() != nil && handsBack(result) {
					back.add(msg)
					return
				}
				c.settle(ctx, msg, result)
			})
			continue
		}
		<-places
		switch {
		case ctx.Err() != nil && errors.Is(err, jetstream.ErrMsgIteratorClosed):
			return nil
		case c.js.Conn().IsClosed(), errors.Is(err, nats.ErrConnectionClosed):
			if ctx.Err() != nil {
				return nil
			}
			return ClosedForGood(c.js.Conn())
		case errors.Is(err, jetstream.ErrMsgIteratorClosed),
			errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound):
			return err
		default:
			// Missed heartbeats, no responders: the iterator recovers by itself.
			c.log.WarnContext(ctx, "fetch failed, trying again", "err", err)
		}
	}
}

// handBack hands messages back once this process asks for none any more. Before that,
// the server may send them here again, where nobody takes them.
type handBack struct {
	settle func(jetstream.Msg)

	mu    sync.Mutex
	begun bool
	list  []jetstream.Msg
}

// add hands a message back, or keeps it until begin is called.
func (b *handBack) add(msg jetstream.Msg) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.begun {
		b.list = append(b.list, msg)
		return
	}
	b.settle(msg)
}

// begin hands back what was added.
func (b *handBack) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begun = true
	for _, msg := range b.list {
		b.settle(msg)
	}
	b.list = nil
}

// process decodes a message and passes it to handle. It returns what settles
// the message.
func (c *consumer) process(ctx context.Context, msg jetstream.Msg) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	meta, err := msg.Metadata()
	if err != nil {
		c.log.ErrorContext(ctx, "message has no metadata", "err", err)
		return ErrUnsettled
	}
	// The subject is not logged: a forged one can hold any text.
	log := c.log.With("seq", meta.Sequence.Stream)
	e, err := Decode(msg.Subject(), msg.Headers(), msg.Data(), meta.Sequence.Stream)
	if err == nil && msg.Headers().Get(headerStream) != "" {
		err = fmt.Errorf("%w: an answer of the server, stored as a fact", ErrUntrusted)
	}
	if errors.Is(err, ErrArchive) {
		return nil // its facts were delivered when they were stored
	}
	if errors.Is(err, ErrNewer) {
		log.WarnContext(ctx, "message is of a newer rollcall, left to a newer process", "err", err)
		return Redeliver(newerDelay, err)
	}
	if err != nil {
		log.ErrorContext(ctx, "message not trusted, terminated", "err", err)
		return Terminate("not trusted")
	}
	ctx = WithTrace(ctx, e.Trace)
	d := Delivery{Event: e, Count: meta.NumDelivered, Stored: meta.Timestamp, msg: msg, nc: c.js.Conn()}
	err = c.handle(ctx, d)
	switch err.(type) { // not errors.As: a wrapped one was meant for somebody else
	case nil, *Redelivery, *Termination:
		return err
	}
	if errors.Is(err, ErrUnsettled) || ctx.Err() != nil {
		return err
	}
	wait := retryDelay(d.Count)
	log.WarnContext(ctx, "fact not handled, will be delivered again",
		"job", e.JobID, "kind", e.Kind, "again_in", wait, "err", err)
	return Redeliver(wait, err)
}

// handsBack reports whether result wants the message again at once.
func handsBack(result error) bool {
	switch r := result.(type) {
	case nil, *Termination:
		return false
	case *Redelivery:
		return r.After <= 0
	}
	return !errors.Is(result, ErrUnsettled)
}

// settle tells the server what to do with a message. When that fails, the
// server delivers the message again after AckWait.
func (c *consumer) settle(ctx context.Context, msg jetstream.Msg, result error) {
	var err error
	action := "acknowledge"
	switch r := result.(type) {
	case nil:
		err = msg.DoubleAck(context.WithoutCancel(ctx))
	case *Termination:
		action, err = "terminate", msg.TermWithReason(r.Reason)
	case *Redelivery:
		action = "redeliver"
		if r.After > 0 {
			err = msg.NakWithDelay(r.After)
		} else {
			err = msg.Nak()
		}
	default:
		if errors.Is(result, ErrUnsettled) {
			return
		}
		action, err = "hand back", msg.Nak() // ctx has ended
	}
	if err != nil {
		c.log.WarnContext(ctx, "message not settled, will be delivered again", "action", action, "err", err)
	}
}

// retryDelay returns the wait after the nth failed delivery, from 1: one
// second, doubling up to a minute.
func retryDelay(n uint64) time.Duration {
	return min(time.Second<<min(max(n, 1)-1, 6), time.Minute)
}
