package api_test

import (
	"net/http"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

func (r *rig) accesses(jobID string) (list []events.Access) {
	r.T.Helper()
	for a, err := range events.ReadAccesses(r.T.Context(), eventstest.Connect(r.T, r.NATS, "operator"), jobID) {
		if err != nil {
			r.T.Fatal(err)
		}
		list = append(list, a)
	}
	return list
}

func TestAccessesAreRecorded(t *testing.T) {
	r := newRig(t)
	id, other := r.Upload("alice member"), r.Upload("alice member")
	js := eventstest.Connect(t, r.NATS, "report")
	report, err := events.NewStore(js).Put(t.Context(), events.BucketReports, id+"/report.xlsx", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	facts := eventstest.Facts(id)
	facts[3].(*events.Reported).Report = report
	r.Append(id, facts...)
	r.Get("bob member", "/report/"+id) // not their job: nothing is read
	r.Get("alice member", "/report/"+other)
	if n := len(r.accesses("")); n != 0 {
		t.Fatalf("%d readings of nothing", n)
	}
	if a := r.Get("root national_admin", "/report/"+id); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	list := r.accesses(id)
	root := events.User{ID: "root", Role: "national_admin"}
	if len(list) != 1 || list[0].By != root || list[0].What != events.AccessReport || list[0].From != "127.0.0.1" ||
		list[0].At.IsZero() || len(r.accesses(other)) != 0 {
		t.Errorf("%+v", list)
	}

	// An access that cannot be recorded is refused.
	admin := eventstest.Connect(t, r.NATS, eventstest.Owner)
	stream, err := admin.Stream(t.Context(), events.StreamAudit)
	if err != nil {
		t.Fatal(err)
	}
	full := stream.CachedInfo().Config
	full.MaxMsgs = 1
	if _, err := admin.UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	if a := r.Get("alice member", "/report/"+id); a.Status != 507 || a.Error.Code != "storage_full" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}
