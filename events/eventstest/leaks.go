package eventstest

import "go.uber.org/goleak"

// IgnoreLeaks returns options for goleak. They ignore the goroutines that NATS
// leaves after everything was closed.
func IgnoreLeaks() []goleak.Option {
	return []goleak.Option{
		// The server never stops this one.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"),
		// ObjectStore.Put starts this one and does not stop it when the put ends
		// before it runs (nats.go v1.55.0, cleanupReplySub in
		// jetstream/jetstream.go). On a busy machine that is one put in thousands.
		goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"),
	}
}
