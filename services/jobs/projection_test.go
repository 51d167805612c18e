package jobs_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

func TestADatabaseThatFailsLosesNothing(t *testing.T) {
	r := newRig(t)
	r.Exec("ALTER TABLE jobs RENAME TO away")
	r.Project()
	// The upload itself does not need the table.
	id := r.Upload("alice member")
	r.Append(id, eventstest.Facts(id)[0])
	if a := r.Get("alice member", "/history"); a.Status != 503 || a.Error.Code != "unavailable" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	r.Exec("ALTER TABLE away RENAME TO jobs")
	eventstest.Wait(t, "the job in the table", func() bool { return r.listed(id).Status == "processing" })
	eventstest.Wait(t, "all messages settled", func() bool { return r.unsettled() == 0 })
}

func TestAForgedFactIsSkipped(t *testing.T) {
	r := newRig(t)
	forged := nats.NewMsg(events.Subject(events.NewJobID(), events.KindValidated))
	forged.Data = []byte(`{}`)
	js := eventstest.Connect(t, r.NATS, "validation")
	if _, err := js.PublishMsg(t.Context(), forged); err != nil {
		t.Fatal(err)
	}
	r.Project()
	id := r.Upload("alice member")
	eventstest.Wait(t, "all messages settled", func() bool { return r.unsettled() == 0 })
	if r.listed(id).Status != "pending" {
		t.Errorf("%+v", r.listed(id))
	}
}

// The table is a function of the log: with any number of readers, in any order, from
// nothing, the row is the same.
func TestTheTableCanBeRebuilt(t *testing.T) {
	r := newRig(t)
	r.Project()
	r.Project()
	id := r.Upload("alice member")
	facts := eventstest.Facts(id)
	facts[0].(*events.Validated).Stats.TotalRecords = 7
	facts[3].(*events.Reported).Database.Inserts = 5
	facts[3].(*events.Reported).Validation.TotalRecords = 7
	facts[3].(*events.Reported).DurationMS = 1500
	r.Append(id, facts...)
	eventstest.Wait(t, "all messages settled", func() bool { return r.unsettled() == 0 })
	first := r.listed(id)
	first.DurationMS = nil
	if first.Status != "completed" || first.Progress != 100 {
		t.Fatalf("%+v", first)
	}
	r.Exec("DELETE FROM jobs")
	job, err := r.Log.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Table.Save(t.Context(), &job); err != nil {
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
	if a := r.Get("alice member", "/stats"); a.Data["total_records"] != 7.0 || a.Data["inserts"] != 5.0 {
		t.Errorf("%s", a.Raw)
	}
}

func TestTheProjectionCatchesUpAndKeepsTheNewest(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	old, err := r.Log.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	r.Append(id, eventstest.Facts(id)...)
	if _, err := r.DB.Exec("DELETE FROM jobs"); err != nil {
		t.Fatal(err)
	}
	r.Project()
	row := func() (status string, seq uint64) {
		_ = r.DB.QueryRow("SELECT status, seq FROM jobs WHERE job_id = $1", id).Scan(&status, &seq) // none yet
		return status, seq
	}
	eventstest.Wait(t, "the job in the table", func() bool { s, _ := row(); return s == "completed" })
	if err := r.Table.Save(t.Context(), &old); err != nil {
		t.Fatal(err)
	}
	if status, seq := row(); status != "completed" || seq <= old.Seq {
		t.Fatalf("an older fold replaced the newest: %s %d", status, seq)
	}
}
