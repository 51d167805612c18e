package events_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
)

// consume runs Consume on validation's consumer until the test ends or stop is
// called.
func consume(t *testing.T, srv *embedded.Server, handle func(context.Context, events.Delivery) error) (stop func()) {
	t.Helper()
	js := eventstest.Connect(t, srv, "validation")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- events.Consume(ctx, js, string(events.StageValidation), events.ConsumeOptions{}, handle)
	}()
	var stopped atomic.Bool
	stop = func() {
		if stopped.Swap(true) {
			return
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("consume: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// unsettled returns how many messages the server has delivered without an
// answer, and how many wait for delivery.
func unsettled(t *testing.T, srv *embedded.Server) (delivered int, waiting uint64) {
	t.Helper()
	js := eventstest.Connect(t, srv, "operator")
	c, err := js.Consumer(t.Context(), events.StreamFacts, string(events.StageValidation))
	if err != nil {
		t.Fatal(err)
	}
	return c.CachedInfo().NumAckPending, c.CachedInfo().NumPending
}

func TestConsumeSettlesByWhatTheHandlerReturns(t *testing.T) {
	for name, tt := range map[string]struct {
		first   error
		again   bool // the message is delivered twice
		pending int  // how many messages stay unsettled
	}{
		"nil acknowledges the message":    {first: nil},
		"Terminate ends the message":      {first: events.Terminate("no such job")},
		"Redeliver delivers it again":     {first: events.Redeliver(time.Millisecond, nil), again: true},
		"Redeliver without a wait":        {first: events.Redeliver(0, nil), again: true},
		"another error delivers it again": {first: errors.New("database closed"), again: true},
		"ErrUnsettled leaves the message": {first: events.ErrUnsettled, pending: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := eventstest.Start(t)
			job := upload(t, srv)
			var calls atomic.Uint64
			stop := consume(t, srv, func(_ context.Context, d events.Delivery) error {
				n := calls.Add(1)
				if d.JobID != job.ID || d.Seq != job.Seq || d.Count != n {
					t.Errorf("delivery %d is %+v", n, d)
				}
				if n == 1 {
					return tt.first
				}
				return nil
			})
			want := uint64(1)
			if tt.again {
				want = 2
			}
			eventstest.Wait(t, "the message to be handled and settled", func() bool {
				delivered, waiting := unsettled(t, srv)
				return calls.Load() == want && delivered == tt.pending && waiting == 0
			})
			stop()
			if got := calls.Load(); got != want {
				t.Errorf("handled %d times, want %d", got, want)
			}
		})
	}
}

// A message that was not finished goes to another process at once.
func TestConsumeHandsBackWhenStopped(t *testing.T) {
	srv := eventstest.Start(t)
	upload(t, srv)
	inHand := make(chan struct{})
	stop := consume(t, srv, func(ctx context.Context, _ events.Delivery) error {
		close(inHand)
		<-ctx.Done()
		return ctx.Err()
	})
	<-inHand
	stop()
	done := make(chan uint64, 1)
	consume(t, srv, func(_ context.Context, d events.Delivery) error {
		done <- d.Count
		return nil
	})
	select {
	case n := <-done:
		// The first may get it once more while it drains, and hands it back again.
		if n < 2 {
			t.Errorf("delivery %d, want a later one than the first", n)
		}
	case <-time.After(events.AckWait / 2):
		t.Error("the message was not handed back")
	}
}

// The passwords of NATS change and the server restarts. The client closes the
// connection for good after two refused logins, and nobody consumes any more.
func TestConsumeFailsWhenTheConnectionIsClosedForGood(t *testing.T) {
	dir := t.TempDir()
	srv, err := embedded.Start(embedded.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	addr := srv.URL()[len("nats://"):]
	provisioner := eventstest.Connect(t, srv, "provisioner")
	if err := events.Provision(t.Context(), provisioner, events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	provisioner.Conn().Close()
	js, err := events.Connect(events.Connection{
		URL: srv.URL(), User: "validation", Password: srv.Password("validation"),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer js.Conn().Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- events.Consume(ctx, js, string(events.StageValidation), events.ConsumeOptions{},
			func(context.Context, events.Delivery) error { return nil })
	}()
	watched := make(chan error, 1)
	go func() { watched <- events.WatchClosed(ctx, js) }()
	srv.Stop()
	if srv, err = embedded.Start(embedded.Config{Dir: dir, Addr: addr}); err != nil { // with other passwords
		t.Fatal(err)
	}
	defer srv.Stop()
	if err := <-done; !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("consume returned %v, want nats.ErrConnectionClosed", err)
	}
	if err := <-watched; !errors.Is(err, nats.ErrConnectionClosed) || !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("WatchClosed returned %v, want nats.ErrConnectionClosed and nats.ErrAuthorization", err)
	}
}

// A process may be told to stop while it starts.
func TestConsumeStoppedBeforeItBeginsIsNoError(t *testing.T) {
	js := eventstest.Connect(t, eventstest.Start(t), "validation")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := events.Consume(ctx, js, string(events.StageValidation), events.ConsumeOptions{},
		func(context.Context, events.Delivery) error { return nil })
	if err != nil {
		t.Errorf("consume: %v", err)
	}
}
