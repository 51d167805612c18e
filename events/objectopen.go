package events

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var errConnectionLost = errors.New("nats connection lost")

// openRetrying opens an object for reading. A request that is in flight when
// the connection breaks is never answered, and the client waits for the answer
// until ctx ends. So openRetrying repeats the request as soon as the connection
// breaks.
func (s *Store) openRetrying(ctx context.Context, a Artifact) (jetstream.ObjectResult, error) {
	nc := s.js.Conn()
	for {
		lost := nc.StatusChanged(nats.RECONNECTING)
		// The object is read with this context; closing the object ends it.
		attempt, cancel := context.WithCancelCause(ctx)
		opened := make(chan struct{})
		watching := make(chan struct{})
		go func() {
			defer close(watching)
			select {
			case <-lost:
				cancel(errConnectionLost)
			case <-opened:
			}
		}()
		obj, err := s.get(attempt, a)
		close(opened)
		<-watching
		nc.RemoveStatusListener(lost)
		broken := context.Cause(attempt) == errConnectionLost
		if err == nil && !broken {
			return openObject{obj, cancel}, nil
		}
		if err == nil {
			_ = obj.Close() // nothing of it was read
		}
		cancel(nil)
		if !broken || ctx.Err() != nil {
			return nil, err
		}
	}
}

func (s *Store) get(ctx context.Context, a Artifact) (jetstream.ObjectResult, error) {
	b, err := s.js.ObjectStore(ctx, a.Bucket)
	if err != nil {
		return nil, err
	}
	return b.Get(ctx, a.Name)
}

// openObject ends its context when it is closed.
type openObject struct {
	jetstream.ObjectResult
	cancel context.CancelCauseFunc
}

func (c openObject) Close() error {
	err := c.ObjectResult.Close()
	c.cancel(nil)
	return err
}
