package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Consume hands the messages of a durable consumer of the facts to take, one after
// the other, until ctx ends. take settles each; its error says that this could not
// be done, and the message comes again. At most ahead messages are fetched before
// they are needed: few enough that all can be settled within AckWait.
func Consume(ctx context.Context, js jetstream.JetStream, durable string, ahead int, logger *slog.Logger, take func(context.Context, jetstream.Msg) error) error {
	consumer, err := js.Consumer(ctx, StreamFacts, durable)
	if err == nil {
		err = ConsumeFrom(ctx, consumer, ahead, logger.With("consumer", durable), take)
	}
	if err != nil {
		return fmt.Errorf("consume %s: %w", durable, err)
	}
	return nil
}

// ConsumeFrom is Consume with a consumer that is known already.
func ConsumeFrom(ctx context.Context, consumer jetstream.Consumer, ahead int, logger *slog.Logger, take func(context.Context, jetstream.Msg) error) error {
	it, err := consumer.Messages(jetstream.PullMaxMessages(ahead))
	if err != nil {
		return err
	}
	defer it.Stop()
	// Drain lets messages that are on their way arrive, and be handed back.
	defer context.AfterFunc(ctx, it.Drain)()
	for {
		msg, err := it.Next()
		switch {
		case errors.Is(err, jetstream.ErrMsgIteratorClosed), errors.Is(err, nats.ErrConnectionClosed):
			return nil
		case errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound):
			return err
		case err != nil:
			// Heartbeats missed, no responders: the iterator recovers by itself.
			logger.Warn("fetch", "err", err)
			continue
		case ctx.Err() != nil:
			err = msg.Nak()
		default:
			err = take(ctx, msg)
		}
		if err != nil {
			logger.Warn("message not settled", "subject", msg.Subject(), "err", err)
		}
	}
}
