package verify

import (
	"testing"

	"rollcall.example/events/eventstest"
	"rollcall.example/services/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m, eventstest.IgnoreLeaks()...) }
