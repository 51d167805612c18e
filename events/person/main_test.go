package person_test

import (
	"testing"

	"go.uber.org/goleak"

	"rollcall.example/events/eventstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, eventstest.IgnoreLeaks()...) }
