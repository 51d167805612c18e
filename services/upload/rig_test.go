package upload_test

import (
	"testing"

	"rollcall.example/events/eventstest"
	"rollcall.example/services/api/apitest"
	"rollcall.example/services/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m, eventstest.IgnoreLeaks()...) }

// rig is the API over real parts, with the helpers of this package's tests.
type rig struct{ *apitest.Rig }

func newRig(t *testing.T, change ...func(*apitest.Config)) *rig {
	t.Helper()
	return &rig{apitest.New(t, change...)}
}
