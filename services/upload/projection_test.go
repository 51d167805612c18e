package upload

import (
	"testing"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

func (r *rig) exec(statement string) {
	r.t.Helper()
	if _, err := r.svc.cfg.DB.Exec(statement); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) listed(id string) (got row) {
	r.t.Helper()
	var rows []row
	if err := r.svc.cfg.DB.Select(&rows, "SELECT * FROM jobs WHERE job_id = $1", id); err != nil {
		r.t.Fatal(err)
	}
	if len(rows) == 1 {
		got = rows[0]
		got.CompletedAt, got.FileSHA256 = nil, nil // pointers, which == does not look behind
	}
	return got
}

// unsettled is how many messages the projection has still to see through.
func (r *rig) unsettled() uint64 {
	r.t.Helper()
	c, err := eventstest.Connect(r.t, r.nats, "provisioner").Consumer(r.t.Context(), events.StreamFacts, events.ConsumerProjection)
	if err != nil {
		r.t.Fatal(err)
	}
	info := c.CachedInfo()
	return info.NumPending + uint64(info.NumAckPending)
}

func TestADatabaseThatFailsLosesNothing(t *testing.T) {
	r := newRig(t)
	r.exec("ALTER TABLE jobs RENAME TO away")
	r.project()
	// The upload itself does not need the list.
	id := r.uploaded("alice member")
	r.as(id, eventstest.Facts(id)[0])
	if a := r.get("alice member", "/history"); a.status != 503 || a.Error.Code != "unavailable" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	r.exec("ALTER TABLE away RENAME TO jobs")
	eventstest.Wait(t, "the job in the table", func() bool { return r.listed(id).Status == "processing" })
	eventstest.Wait(t, "all messages settled", func() bool { return r.unsettled() == 0 })
}

func TestAForgeryIsSetAside(t *testing.T) {
	r := newRig(t)
	forged := nats.NewMsg(events.Subject(events.NewJobID(), events.KindValidated))
	forged.Data = []byte(`{}`)
	js := eventstest.Connect(t, r.nats, "validation")
	if _, err := js.PublishMsg(t.Context(), forged); err != nil {
		t.Fatal(err)
	}
	r.project()
	id := r.uploaded("alice member")
	eventstest.Wait(t, "all messages settled", func() bool { return r.unsettled() == 0 })
	if r.listed(id).Status != "pending" {
		t.Errorf("%+v", r.listed(id))
	}
}

// The table is a function of the log: any number of readers, any order, from
// nothing, and the row is the same.
func TestTheTableCanBeMadeAgain(t *testing.T) {
	r := newRig(t)
	r.project()
	r.project()
	id := r.uploaded("alice member")
	facts := eventstest.Facts(id)
	facts[0].(*events.Validated).Stats.TotalRecords = 7
	facts[3].(*events.Reported).Database.Inserts = 5
	facts[3].(*events.Reported).Validation.TotalRecords = 7
	facts[3].(*events.Reported).DurationMS = 1500
	r.as(id, facts...)
	eventstest.Wait(t, "all messages settled", func() bool { return r.unsettled() == 0 })
	first := r.listed(id)
	first.DurationMS = nil
	if first.Status != "completed" || first.Progress != 100 {
		t.Fatalf("%+v", first)
	}
	r.exec("DELETE FROM jobs")
	job, err := r.log.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.svc.project(t.Context(), &job); err != nil {
			t.Fatal(err)
		}
	}
	again := r.listed(id)
	if again.DurationMS == nil || *again.DurationMS != 1500 {
		t.Errorf("duration %v", again.DurationMS)
	}
	again.DurationMS = nil
	if again != first {
		t.Errorf("made again as\n%+v, was\n%+v", again, first)
	}
	if a := r.get("alice member", "/stats"); a.Data["total_records"] != 7.0 || a.Data["inserts"] != 5.0 {
		t.Errorf("%s", a.raw)
	}
}
