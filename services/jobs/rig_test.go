package jobs_test

import (
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api/apitest"
	"rollcall.example/services/jobs"
	"rollcall.example/services/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m, eventstest.IgnoreLeaks()...) }

// rig is the API over real parts, with the helpers of this package's tests.
type rig struct{ *apitest.Rig }

func newRig(t *testing.T, change ...func(*apitest.Config)) *rig {
	t.Helper()
	return &rig{apitest.New(t, change...)}
}

func (r *rig) listed(id string) (got jobs.Row) {
	r.T.Helper()
	var rows []jobs.Row
	if err := r.DB.Select(&rows, "SELECT * FROM jobs WHERE job_id = $1", id); err != nil {
		r.T.Fatal(err)
	}
	if len(rows) == 1 {
		got = rows[0]
		got.CompletedAt, got.FileSHA256 = nil, nil // == does not compare what pointers point to
	}
	return got
}

// unsettled returns how many messages the projection has not settled yet.
func (r *rig) unsettled() uint64 {
	r.T.Helper()
	c, err := eventstest.Connect(r.T, r.NATS, eventstest.Owner).
		Consumer(r.T.Context(), events.StreamFacts, events.ConsumerProjection)
	if err != nil {
		r.T.Fatal(err)
	}
	info := c.CachedInfo()
	return info.NumPending + uint64(info.NumAckPending)
}
