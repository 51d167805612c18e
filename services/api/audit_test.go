package api_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api"
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
	admin := eventstest.Connect(t, r.NATS, "provisioner")
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

func TestClientAddressBelievesTrustedProxiesOnly(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32")}
	for _, tt := range []struct{ remote, passed, want string }{
		{"203.0.113.9:1", "", "203.0.113.9"},
		{"203.0.113.9:1", "198.51.100.1", "203.0.113.9"}, // the client says so itself
		{"10.0.0.5:1", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.5:1", "1.2.3.4, 198.51.100.1, 10.1.1.1", "198.51.100.1"},
		{"10.0.0.5:1", "", "10.0.0.5"},
		{"10.0.0.5:1", "nonsense", "10.0.0.5"},
		{"10.0.0.5:1", "::ffff:198.51.100.1", "198.51.100.1"},
		{"[2001:db8::1]:1", "1.2.3.4", "2001:db8::1"},
	} {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.RemoteAddr = tt.remote
		if tt.passed != "" {
			req.Header.Set("X-Forwarded-For", tt.passed)
		}
		if got := api.ClientAddress(req, proxies); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}
