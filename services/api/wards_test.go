package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api/apitest"
)

// addMembers writes registered members of a ward as persistence does.
func (r *rig) addMembers(job, ward, province string, from, to int) {
	r.T.Helper()
	for n := from; n < to; n++ {
		r.Exec(fmt.Sprintf(`INSERT INTO members (id_number, firstname, surname, ward_code, iec_status, iec_ward, iec_vd,
  vd_code, province, verified_at, created_at, updated_at, created_by_job, updated_by_job)
VALUES ('80010150%05d', 'Thembá %d', 'Ṱhoḓa-Müller', '%s', 'registered', '%[3]s', '32840123', '32840123', '%[4]s',
  now(), now(), now(), '%[5]s', '%[5]s')`, n, n, ward, province, job))
	}
}

func (r *rig) wardsOf(who, query string) (wards []string, a apitest.Reply) {
	r.T.Helper()
	a = r.Get(who, "/wards?"+query)
	if a.Status != 200 {
		r.T.Fatalf("%s: %d %s", who, a.Status, a.Raw)
	}
	for _, w := range a.Data["wards"].([]any) {
		wards = append(wards, w.(map[string]any)["ward"].(string))
	}
	return wards, a
}

func TestWardsAreThoseOfTheArea(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice national_admin")
	r.addMembers(id, "79800001", "Gauteng", 1, 4)
	r.addMembers("job-other", "79800002", "GP", 4, 5)
	r.addMembers("job-other", "10105001", "Western Cape", 5, 6)
	for who, want := range map[string]string{
		"carol national_admin":               "79800001 79800002 10105001",
		"bob province_admin province=GP":     "79800001 79800002",
		"bob province_admin province=WC":     "10105001",
		"bob ward_admin ward=79800002":       "79800002",
		"bob ward_admin":                     "",
		"bob municipality_admin province=GP": "",
	} {
		wards, a := r.wardsOf(who, "")
		if got := strings.Join(wards, " "); got != want {
			t.Errorf("%s sees %s", who, got)
		}
		if total := a.Data["total"].(map[string]any); total["wards"] != float64(len(wards)) {
			t.Errorf("%s: %v", who, total)
		}
		from := time.Now().In(events.SouthAfrica).AddDate(0, 0, -3).Format(time.DateOnly)
		past := r.Get(who, "/wards/history?step=day&from="+from)
		points := past.Data["points"].([]any)
		first, last := points[0].(map[string]any), points[len(points)-1].(map[string]any)
		if len(points) != 4 || first["members"] != 0.0 ||
			last["members"] != a.Data["total"].(map[string]any)["members"] {
			t.Errorf("%s over time: %s", who, past.Raw)
		}
	}
	wards, _ := r.wardsOf("carol national_admin", "province=Gauteng&below_target=true")
	if strings.Join(wards, "") != "79800002" {
		t.Errorf("below the target of 2: %v", wards)
	}
	wards, a := r.wardsOf("carol national_admin", "as_of=2020-01-01")
	if len(wards) != 0 || a.Data["as_of"] != "2020-01-01T22:00:00Z" {
		t.Errorf("before anybody was a member: %s", a.Raw)
	}
	_, a = r.wardsOf("alice national_admin", "job_id="+id)
	if total := a.Data["total"].(map[string]any); total["new"] != 3.0 {
		t.Errorf("new in the job: %v", total)
	}
	if a := r.Get("bob ward_admin ward=79800001", "/wards?job_id="+id); a.Status != 404 {
		t.Errorf("job of somebody else: %d %s", a.Status, a.Raw)
	}
	csv := r.Get("carol national_admin", "/wards?format=csv")
	if lines := strings.Split(strings.TrimSpace(string(csv.Raw)), "\r\n"); csv.Status != 200 || len(lines) != 4 ||
		!strings.HasPrefix(lines[1], "GP,,,79800001,3,3,0,0,0,0,0,0,2,yes") {
		t.Errorf("as text: %d %s", csv.Status, csv.Raw)
	}
	for _, bad := range []string{"province=Atlantis", "ward=1", "as_of=yesterday", "below_target=perhaps", "format=xml"} {
		if a := r.Get("carol national_admin", "/wards?"+bad); a.Status != 400 {
			t.Errorf("%s: %d %s", bad, a.Status, a.Raw)
		}
	}
	for _, bad := range []string{"step=hour", "step=day&from=2020-01-01", "from=2026-03-02&to=2026-03-01"} {
		if a := r.Get("carol national_admin", "/wards/history?"+bad); a.Status != 400 {
			t.Errorf("%s: %d %s", bad, a.Status, a.Raw)
		}
	}
}

func TestARegisterIsOfAWardThatHasReachedItsTarget(t *testing.T) {
	r := newRig(t)
	r.addMembers("job-1", "79800001", "Gauteng", 1, 4)
	r.addMembers("job-1", "79800002", "Gauteng", 4, 5)
	r.addMembers("job-1", "79800001", "WC", 5, 6)
	a := r.Get("bob province_admin province=GP", "/wards/79800001/register")
	if a.Status != 200 || !strings.HasPrefix(string(a.Raw), "%PDF-") {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	for who, ward := range map[string]string{
		"bob province_admin province=GP ": "79800002", // below the target
		"bob province_admin province=WC":  "79800001", // one of his members alone
		"bob province_admin province=NC":  "79800001", // none of his
		"bob ward_admin ward=79800003":    "79800001",
		"carol national_admin":            "10105001",
	} {
		if a := r.Get(who, "/wards/"+ward+"/register"); a.Status != 409 || a.Error.Code != "not_allowed" {
			t.Errorf("%s, %s: %d %s", who, ward, a.Status, a.Raw)
		}
	}
	if a := r.Get("carol national_admin", "/wards/1/register"); a.Status != 400 {
		t.Errorf("no ward: %d", a.Status)
	}
	var read []events.Access
	for a, err := range events.ReadAccesses(t.Context(), eventstest.Connect(t, r.NATS, eventstest.Owner), "") {
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, a)
	}
	if len(read) != 1 || read[0].What != events.AccessRegister || read[0].Ward != "79800001" || read[0].By.ID != "bob" {
		t.Errorf("audit: %+v", read)
	}
}

// What waits for somebody is what they can do something about, the most urgent first.
func TestWaitingJobsAreThoseThatOneCanDoSomethingAbout(t *testing.T) {
	r := newRig(t)
	failed := r.Upload("alice national_admin")
	r.Append(failed, &events.Failed{Stage: events.StageValidation, Code: "internal_error", Message: "m", Attempts: 1})
	proposed := r.Upload("bob ward_admin ward=79800001")
	facts := eventstest.Facts(proposed)
	r.Append(proposed, facts[0], facts[1], &events.Proposed{Reason: events.ProposedNoWrite,
		Digest:   strings.Repeat("a", 64),
		Outcomes: eventstest.FakeArtifact(events.BucketOutcomes, proposed+"/outcomes")})
	transfers := r.Upload("bob ward_admin ward=79800001")
	facts = eventstest.Facts(transfers)
	facts[2].(*events.Persisted).Stats.Transfers = 2
	facts[3].(*events.Reported).Database.Transfers = 2
	r.Append(transfers, facts...)
	r.Project()
	want := map[string][]string{
		"alice national_admin":         {proposed + " approve", transfers + " transfer", failed + " failed"},
		"carol national_admin":         {proposed + " approve", transfers + " transfer"},
		"bob ward_admin ward=79800001": {},
		"dan member":                   {},
	}
	for who, want := range want {
		var got []string
		eventstest.Wait(t, who+" has jobs that wait", func() bool {
			got = nil
			for _, j := range r.Get(who, "/waiting").Data["jobs"].([]any) {
				j := j.(map[string]any)
				got = append(got, fmt.Sprint(j["job_id"], " ", j["waits_for"]))
			}
			return strings.Join(got, "\n") == strings.Join(want, "\n")
		})
	}
	if a := r.Get("alice national_admin", "/waiting?limit=1"); len(a.Data["jobs"].([]any)) != 1 || a.Data["total"] != 3.0 {
		t.Errorf("the first one: %s", a.Raw)
	}
}

// The calls of a job are spread over the hours in which it ran, and nobody learns of those of others.
func TestUsageOfTheQuotaIsByHourAndByUser(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
	r := newRig(t, func(c *apitest.Config) { c.API.Now = func() time.Time { return at } })
	for i, j := range []struct {
		owner, begun, ended string
		calls               int
	}{
		{"alice", "2026-03-01 11:30Z", "2026-03-01 12:30Z", 100},
		{"alice", "2026-03-01 10:10Z", "2026-03-01 10:10Z", 7},
		{"bob", "2026-03-01 12:00Z", "2026-03-01 12:10Z", 500},
		{"bob", "2026-02-20 12:00Z", "2026-02-20 12:10Z", 9000},
	} {
		r.Exec(fmt.Sprintf(`INSERT INTO jobs (job_id, seq, owner_id, owner_role, file_name, file_size, status, stage,
  progress, stats, created_at, updated_at, completed_at)
VALUES ('job-%d', %[1]d, '%s', 'r', 'f', 1, 'completed', 's', 100,
  '{"iec_stats":{"calls":%d}}', '%s', '%s', '%[5]s')`, i, j.owner, j.calls, j.begun, j.ended))
	}
	a := r.Get("carol national_admin", "/rate-limit-usage?hours=3")
	hours, users := a.Data["hours"].([]any), a.Data["users"].([]any)
	calls := func(i int) any { return hours[i].(map[string]any)["calls"] }
	if len(hours) != 3 || calls(0) != 7.0 || calls(1) != 50.0 || calls(2) != 550.0 || len(users) != 2 ||
		users[0].(map[string]any)["user_id"] != "bob" || users[0].(map[string]any)["calls"] != 500.0 ||
		a.Data["next_free"] != "2026-03-01T12:30:00Z" {
		t.Errorf("%s", a.Raw)
	}
	if a := r.Get("alice ward_admin ward=79800001", "/rate-limit-usage"); len(a.Data["users"].([]any)) != 1 {
		t.Errorf("alice's own: %s", a.Raw)
	}
	if a := r.Get("alice ward_admin", "/rate-limit-usage?hours=169"); a.Status != 400 {
		t.Errorf("%d", a.Status)
	}
}
