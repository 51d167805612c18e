package eventstest

import "go.uber.org/goleak"

// Kept are the goroutines of NATS that are there after everything of it was
// closed, for goleak to leave out.
func IgnoreLeaks() []goleak.Option {
	return []goleak.Option{
		// An embedded server keeps this for the life of the process.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"),
		// The client's ObjectStore.Put starts this and forgets it if the put was
		// over before it ran (nats.go v1.55.0, cleanupReplySub in
		// jetstream/jetstream.go): on a busy machine one in thousands is left.
		goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"),
	}
}
