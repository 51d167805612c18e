package events

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// inbox receives the answers to requests that have several, over one subscription of its
// connection. A subscription for each request would take a channel for a thousand messages
// here, and have the server change its routes twice.
type inbox struct {
	nc     *nats.Conn
	prefix string        // of the subjects of answers, with the dot
	closed chan struct{} // when the connection is

	mu      sync.Mutex
	last    uint64 // number of a request
	waiting map[string]*answers
}

// answers are those to one request that nobody has taken yet.
type answers struct {
	mu   sync.Mutex
	list []*nats.Msg
	came chan struct{} // has one when there are some
}

// inboxes are those of the connections that are open, by *nats.Conn.
var inboxes sync.Map

// inboxOf returns the inbox of a connection, which it opens if need be.
func inboxOf(nc *nats.Conn) (*inbox, error) {
	if b, ok := inboxes.Load(nc); ok {
		return b.(*inbox), nil
	}
	b := &inbox{nc: nc, prefix: nc.NewInbox() + ".", closed: make(chan struct{}), waiting: map[string]*answers{}}
	sub, err := nc.Subscribe(b.prefix+"*", b.receive)
	if err != nil {
		return nil, err
	}
	sub.SetClosedHandler(func(string) {
		inboxes.CompareAndDelete(nc, b)
		close(b.closed)
	})
	// What waits is bounded by the requests.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, err
	}
	if other, opened := inboxes.LoadOrStore(nc, b); opened {
		_ = sub.Unsubscribe() // fails only on a closed connection
		return other.(*inbox), nil
	}
	if nc.IsClosed() { // before the handler could find it
		inboxes.CompareAndDelete(nc, b)
		return nil, nats.ErrConnectionClosed
	}
	return b, nil
}

func (b *inbox) receive(m *nats.Msg) {
	b.mu.Lock()
	a := b.waiting[strings.TrimPrefix(m.Subject, b.prefix)]
	b.mu.Unlock()
	if a == nil {
		return // its request has ended
	}
	a.mu.Lock()
	a.list = append(a.list, m)
	a.mu.Unlock()
	select {
	case a.came <- struct{}{}:
	default:
	}
}

// request sends a request and yields its answers until the caller stops, ctx ends or the
// connection is closed. A deadline that has passed yields no error: the caller knows whether
// answers are missing.
func (b *inbox) request(ctx context.Context, subject string, body []byte) iter.Seq2[*nats.Msg, error] {
	return func(yield func(*nats.Msg, error) bool) {
		a := &answers{came: make(chan struct{}, 1)}
		b.mu.Lock()
		b.last++
		token := strconv.FormatUint(b.last, 36)
		b.waiting[token] = a
		b.mu.Unlock()
		defer func() {
			b.mu.Lock()
			delete(b.waiting, token)
			b.mu.Unlock()
		}()
		if err := b.nc.PublishRequest(subject, b.prefix+token, body); err != nil {
			yield(nil, err)
			return
		}
		for {
			select {
			case <-ctx.Done():
				if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
					yield(nil, ctx.Err())
				}
				return
			case <-b.closed:
				yield(nil, nats.ErrConnectionClosed)
				return
			case <-a.came:
			}
			a.mu.Lock()
			list := a.list
			a.list = nil
			a.mu.Unlock()
			for _, m := range list {
				if len(m.Data) == 0 && m.Header.Get("Status") == "503" && !isStored(m) {
					yield(nil, nats.ErrNoResponders)
					return
				}
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}
