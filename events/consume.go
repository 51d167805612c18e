package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Delivery is a fact as a durable consumer hands it out.
type Delivery struct {
	Event
	// Count says how often the message was handed out, from 1.
	Count uint64
	// Stored is when the stream stored the message.
	Stored time.Time

	msg jetstream.Msg
	nc  *nats.Conn
}

// Renew asks the server for another AckWait before it hands the message to
// somebody else. The server has agreed only when the error is nil.
func (d Delivery) Renew(ctx context.Context) error {
	if _, err := d.nc.RequestWithContext(ctx, d.msg.Reply(), []byte("+WPI")); err != nil {
		return fmt.Errorf("renew lease: %w", err)
	}
	return nil
}

// Redelivery is a handler's word that the message is to come again later. It
// is not logged: whoever asks for it says why.
type Redelivery struct {
	// After is how long the server waits; 0 means not at all.
	After time.Duration
	Err   error
}

// Redeliver returns a *Redelivery. Err may be nil.
func Redeliver(after time.Duration, err error) error {
	return &Redelivery{After: after, Err: err}
}

func (p *Redelivery) Error() string {
	if p.Err != nil {
		return fmt.Sprintf("to be delivered again in %s: %v", p.After, p.Err)
	}
	return fmt.Sprintf("to be delivered again in %s", p.After)
}

// Unwrap returns the cause.
func (p *Redelivery) Unwrap() error { return p.Err }

// Termination is a handler's word that the message must not come again although
// nothing was done.
type Termination struct {
	// Reason goes to the server, whose advisories operators see.
	Reason string
}

// Terminate returns a *Termination.
func Terminate(reason string) error { return &Termination{Reason: reason} }

func (t *Termination) Error() string { return "terminated: " + t.Reason }

// ErrUnsettled is a handler's word that the message is no longer its own to
// settle. The server hands it out again after AckWait, unless somebody else
// settles it first.
var ErrUnsettled = errors.New("message left unsettled")

// ConsumeOptions are what Consume may be told.
type ConsumeOptions struct {
	// Ahead is how many messages are fetched before they are needed: few enough
	// that all can be handled within AckWait. 0 means 1: none is.
	Prefetch int
	// Logger hears of messages that were not handled; nil discards.
	Logger *slog.Logger
}

// newerDelay is when a message that was left to a newer process is offered again,
// to whichever takes it.
const newerDelay = 10 * time.Second

// Consume hands the facts of a durable consumer of the stream BULK to handle, one
// after the other, until ctx ends, and settles each by what handle returns:
//
//	nil             acknowledged for good; waits until the server has agreed
//	*Redelivery     comes again after its time
//	*Termination    never comes again
//	ErrUnsettled    left alone
//	another error   logged; comes again after a wait that grows with Delivery.Count
//
// Once ctx has ended, a message that handle returned an error for comes again at
// once, to another process. Consume settles by itself what is no fact that this
// program knows: one of a newer data version is left to a newer process, one that
// cannot be believed is terminated.
//
// Consume returns nil only when ctx has ended. That the consumer is gone, or that
// the connection was closed for good (NATS no longer takes the password), is an
// error: nobody would do this work any more.
func Consume(ctx context.Context, js jetstream.JetStream, durable string, opts ConsumeOptions,
	handle func(context.Context, Delivery) error,
) error {
	c := consumer{js: js, log: Logger(opts.Logger).With("consumer", durable), handle: handle}
	if err := c.run(ctx, durable, max(opts.Prefetch, 1)); err != nil {
		return fmt.Errorf("consume %s: %w", durable, err)
	}
	return nil
}

type consumer struct {
	js     jetstream.JetStream
	log    *slog.Logger
	handle func(context.Context, Delivery) error
}

func (c *consumer) run(ctx context.Context, durable string, ahead int) error {
	durableConsumer, err := c.js.Consumer(ctx, StreamFacts, durable)
	if err != nil {
		return err
	}
	messages, err := durableConsumer.Messages(jetstream.PullMaxMessages(ahead))
	if err != nil {
		return err
	}
	defer messages.Stop()
	// Drain lets messages that are on their way arrive, and be handed back.
	defer context.AfterFunc(ctx, messages.Drain)()
	for {
		msg, err := messages.Next()
		switch {
		case err == nil:
			c.settle(ctx, msg, c.process(ctx, msg))
		case ctx.Err() != nil && errors.Is(err, jetstream.ErrMsgIteratorClosed):
			return nil
		case c.js.Conn().IsClosed(), errors.Is(err, nats.ErrConnectionClosed):
			if ctx.Err() != nil {
				return nil
			}
			return closedForGood(c.js.Conn())
		case errors.Is(err, jetstream.ErrMsgIteratorClosed),
			errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound):
			return err
		default:
			// Heartbeats missed, no responders: the iterator recovers by itself.
			c.log.WarnContext(ctx, "fetch failed, trying again", "err", err)
		}
	}
}

// process decodes a message and has it handled.
func (c *consumer) process(ctx context.Context, msg jetstream.Msg) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	meta, err := msg.Metadata()
	if err != nil {
		c.log.ErrorContext(ctx, "message has no metadata", "err", err)
		return ErrUnsettled
	}
	// The subject is not logged: who made the message up may have put anything into it.
	log := c.log.With("seq", meta.Sequence.Stream)
	e, err := Decode(msg.Subject(), msg.Headers(), msg.Data(), meta.Sequence.Stream)
	if errors.Is(err, ErrNewer) {
		log.WarnContext(ctx, "message left to a newer rollcall", "err", err)
		return Redeliver(newerDelay, err)
	}
	if err != nil {
		log.ErrorContext(ctx, "message refused", "err", err)
		return Terminate("disbelieved")
	}
	ctx = WithTrace(ctx, e.Trace)
	d := Delivery{Event: e, Count: meta.NumDelivered, Stored: meta.Timestamp, msg: msg, nc: c.js.Conn()}
	err = c.handle(ctx, d)
	switch err.(type) { // as it is: what it may wrap is somebody else's word
	case nil, *Redelivery, *Termination:
		return err
	}
	if errors.Is(err, ErrUnsettled) || ctx.Err() != nil {
		return err
	}
	again := retryDelay(d.Count)
	log.WarnContext(ctx, "fact not handled yet", "job", e.JobID, "kind", e.Kind, "again_in", again, "err", err)
	return Redeliver(again, err)
}

// settle tells the server what becomes of a message. When that fails the message
// comes again after AckWait.
func (c *consumer) settle(ctx context.Context, msg jetstream.Msg, result error) {
	var err error
	what := "acknowledge"
	switch r := result.(type) {
	case nil:
		err = msg.DoubleAck(context.WithoutCancel(ctx))
	case *Termination:
		what, err = "terminate", msg.TermWithReason(r.Reason)
	case *Redelivery:
		what = "redeliver"
		if r.After > 0 {
			err = msg.NakWithDelay(r.After)
		} else {
			err = msg.Nak()
		}
	default:
		if errors.Is(result, ErrUnsettled) {
			return
		}
		what, err = "hand back", msg.Nak() // ctx has ended
	}
	if err != nil {
		c.log.WarnContext(ctx, "message not settled", "what", what, "err", err)
	}
}

// retryDelay is the wait after the nth delivery that failed, from 1: a second,
// doubling to a minute.
func retryDelay(n uint64) time.Duration {
	return min(time.Second<<min(max(n, 1)-1, 6), time.Minute)
}
