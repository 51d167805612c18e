package events

import (
	"context"
	"errors"
	"io"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var errConnectionLost = errors.New("nats connection lost")

// openRetrying opens an object for reading. A request that is in flight when
// the connection breaks is never answered, and the client waits for the answer
// until ctx ends. So openRetrying repeats the request as soon as the connection
// breaks.
//
// The object is read after ctx ended, too: a read of it that waits does not see the
// end of a context, only its deadline. Its reader looks at ctx itself.
func (s *Store) openRetrying(ctx context.Context, a Artifact) (jetstream.ObjectResult, error) {
	nc := s.js.Conn()
	for {
		lost := nc.StatusChanged(nats.RECONNECTING)
		// The object is read with this context; closing the object ends it.
		attempt, cancel := detach(ctx)
		unwatch := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
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
		unwatch()
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

// detach returns a context with the deadline of ctx, and without its end.
func detach(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	detached := context.WithoutCancel(ctx)
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancelCause(detached)
	}
	limited, release := context.WithDeadline(detached, deadline)
	detached, cancel := context.WithCancelCause(limited)
	return detached, func(cause error) {
		cancel(cause)
		release()
	}
}

// endingReader reads until a context ends.
type endingReader struct {
	ctx context.Context
	r   io.Reader
}

func (e endingReader) Read(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.r.Read(p)
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
