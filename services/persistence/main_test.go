package persistence

import (
	"testing"

	"go.uber.org/goleak"

	"rollcall.example/services/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	postgrestest.Main(m,
		// The embedded server keeps this for the life of the process.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"))
}
