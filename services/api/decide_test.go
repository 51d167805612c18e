package api_test

import (
	"net/http"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api/apitest"
)

// defaultPolicy has the API use the policy that holds where no other is given.
func defaultPolicy(c *apitest.Config) {
	c.API.Policy, c.API.Authenticate = access.Default(), apitest.Authenticate(access.Default())
}

const wardAdmin = "alice ward_admin ward=79800001"

// proposal is what persistence says of a job that has to be approved.
func proposal(job, reason string) *events.Proposed {
	return &events.Proposed{
		Outcomes: eventstest.FakeArtifact(events.BucketOutcomes, job+"/outcomes"), Reason: reason,
		Stats: events.DatabaseStats{Total: 1, Inserts: 1, DryRun: true}, Digest: strings.Repeat("0", 64),
	}
}

// propose brings a job to where it waits for approval.
func (r *rig) propose(id, reason string) {
	r.T.Helper()
	facts := eventstest.Facts(id)
	r.Append(id, facts[0], facts[1], proposal(id, reason))
}

func TestWhatAnUploadMay(t *testing.T) {
	r := newRig(t, defaultPolicy)
	for _, c := range []struct {
		name, who string
		parts     []string
		code      string
		approval  bool
		area      events.AreaLevel
	}{
		{"member", "m member", nil, "forbidden", false, ""},
		{"unknown role", "u boss", nil, "forbidden", false, ""},
		{"information officer", "i information_officer", nil, "forbidden", false, ""},
		{"no claim", "w ward_admin", nil, "forbidden", false, ""},
		{"claim of another level", "w ward_admin province=GP", nil, "forbidden", false, ""},
		{"ward", wardAdmin, nil, "", true, events.AreaWard},
		{"ward, dry run", wardAdmin, []string{"dry_run", "true"}, "", false, events.AreaWard},
		{"municipality", "c municipality_admin municipality=JHB", nil, "", true, events.AreaMunicipality},
		{"province", "p province_admin province=Gauteng", nil, "", false, events.AreaProvince},
		{"nation", "n NATIONAL_ADMIN", nil, "", false, events.AreaCountry},
	} {
		a := r.SendForm(c.who, append([]string{"file", apitest.Roll(t)}, c.parts...)...)
		if c.code != "" {
			if a.Status != http.StatusForbidden || a.Error.Code != c.code {
				t.Errorf("%s: %d %s", c.name, a.Status, a.Raw)
			}
			continue
		}
		if a.Status != http.StatusAccepted {
			t.Errorf("%s: %d %s", c.name, a.Status, a.Raw)
			continue
		}
		job, err := r.Log.Load(t.Context(), a.Data["job_id"].(string))
		if err != nil {
			t.Fatal(err)
		}
		if job.Options.Approval != c.approval || job.Uploaded.Area == nil || job.Area().Level != c.area {
			t.Errorf("%s: %+v in %+v", c.name, job.Options, job.Uploaded.Area)
		}
	}
}

func TestNobodyUploadsForTheIECWithoutVerify(t *testing.T) {
	policy, err := access.Parse([]byte(`{"roles": {"clerk": {"area": "country", "may": ["upload", "write"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *apitest.Config) {
		c.API.Policy, c.API.Authenticate = policy, apitest.Authenticate(policy)
	})
	a := r.SendForm("c clerk", "file", apitest.Roll(t))
	if a.Status != http.StatusForbidden || a.Error.Details["permission"] != "verify" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if a := r.SendForm("c clerk", "file", apitest.Roll(t), "iec_verification", "false"); a.Status != http.StatusAccepted {
		t.Errorf("without the IEC: %d %s", a.Status, a.Raw)
	}
}

func TestOnlySomebodyElseDecides(t *testing.T) {
	r := newRig(t, defaultPolicy)
	id := r.Upload(wardAdmin)
	decline := func(who, reason string) apitest.Reply {
		return r.Do(who, "POST", "/decline/"+id, strings.NewReader(`{"reason":"`+reason+`"}`), "application/json")
	}
	if a := r.Post("boss national_admin", "/approve/"+id); a.Status != http.StatusConflict {
		t.Errorf("before the proposal: %d %s", a.Status, a.Raw)
	}
	r.propose(id, events.ProposedNoWrite)
	a := r.Get(wardAdmin, "/status/"+id)
	if a.Data["status"] != "awaiting_approval" || a.Data["proposal"].(map[string]any)["reason"] != "may_not_write" {
		t.Errorf("status: %s", a.Raw)
	}
	for who, code := range map[string]string{
		wardAdmin: "forbidden", "alice national_admin": "forbidden", "bob province_admin province=GP": "not_found",
		"bob ward_admin ward=79800001": "not_found", "eve information_officer": "not_found",
	} {
		if a := r.Post(who, "/approve/"+id); a.Error.Code != code {
			t.Errorf("%s approves: %d %s", who, a.Status, a.Raw)
		}
	}
	for _, reason := range []string{"", "Look at 8001015009087.", "Look at 800101 5009 087.", "Look at ８００１０１５００９０８７.",
		strings.Repeat("x", 501)} {
		if a := decline("boss national_admin", reason); a.Status != http.StatusBadRequest {
			t.Errorf("reason %q: %d %s", reason, a.Status, a.Raw)
		}
	}
	if a := decline("boss national_admin", "Another ward."); a.Status != http.StatusOK || a.Data["status"] != "declined" {
		t.Errorf("declined: %d %s", a.Status, a.Raw)
	}
	a = r.Get(wardAdmin, "/status/"+id)
	if p := a.Data["proposal"].(map[string]any); p["decided_by"] != "boss" || p["comment"] != "Another ward." {
		t.Errorf("after it: %s", a.Raw)
	}
	for _, path := range []string{"/approve/", "/retry/", "/cancel/", "/undo/"} {
		if a := r.Post("boss national_admin", path+id); a.Status != http.StatusConflict {
			t.Errorf("%s after it: %d %s", path, a.Status, a.Raw)
		}
	}
}

func TestApprovalSetsPersistenceToWork(t *testing.T) {
	r := newRig(t, defaultPolicy)
	r.Project()
	id := r.Upload(wardAdmin)
	r.propose(id, events.ProposedNoWrite)
	a := r.Post("boss super_admin", "/approve/"+id)
	if a.Status != http.StatusAccepted || a.Data["status"] != "processing" {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	job, err := r.Log.Load(t.Context(), id)
	if err != nil || job.Next() != events.StagePersistence || job.Trigger != job.Seq || job.Approved.By.ID != "boss" {
		t.Errorf("%+v %v", job, err)
	}
	r.Append(id, proposal(id, events.ProposedChanged))
	if a := r.Get(wardAdmin, "/status/"+id); a.Data["status"] != "awaiting_approval" {
		t.Errorf("proposed again: %s", a.Raw)
	}
	if a := r.Post(wardAdmin, "/cancel/"+id); a.Status != http.StatusOK {
		t.Errorf("cancelled while it waits: %d %s", a.Status, a.Raw)
	}
}

func TestUndoOfAnothersJobIsApprovedByAThird(t *testing.T) {
	r := newRig(t, defaultPolicy)
	id := r.Upload("alice national_admin")
	r.Append(id, eventstest.Facts(id)...)
	if a := r.Post("pete province_admin province=GP", "/undo/"+id); a.Status != http.StatusNotFound {
		t.Errorf("a province: %d %s", a.Status, a.Raw)
	}
	a := r.Post("boss national_admin", "/undo/"+id)
	if a.Status != http.StatusAccepted || a.Data["options"].(map[string]any)["approval"] != true {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	undo := a.Data["job_id"].(string)
	r.propose(undo, events.ProposedUndo)
	for _, who := range []string{"boss national_admin", "alice national_admin"} {
		if a := r.Post(who, "/approve/"+undo); a.Error.Code != "forbidden" {
			t.Errorf("%s: %d %s", who, a.Status, a.Raw)
		}
	}
	if a := r.Post("third national_admin", "/approve/"+undo); a.Status != http.StatusAccepted {
		t.Errorf("a third: %d %s", a.Status, a.Raw)
	}

	own := r.Upload("alice national_admin")
	r.Append(own, eventstest.Facts(own)...)
	if a := r.Post("alice national_admin", "/undo/"+own); a.Data["options"].(map[string]any)["approval"] != nil {
		t.Errorf("of one's own: %s", a.Raw)
	}
}

func TestWaitingRowsAreTakenOver(t *testing.T) {
	r := newRig(t, defaultPolicy)
	id := r.Upload("pete province_admin province=GP")
	facts := eventstest.Facts(id)
	facts[2].(*events.Persisted).Stats = events.DatabaseStats{Total: 3, Inserts: 2, Transfers: 1}
	r.Append(id, facts...)
	for who, code := range map[string]string{
		"bob province_admin province=GP": "not_found", "eve member": "not_found",
		"pete ward_admin ward=79800001": "forbidden",
	} {
		if a := r.Post(who, "/complete/"+id); a.Error.Code != code {
			t.Errorf("%s: %d %s", who, a.Status, a.Raw)
		}
	}
	a := r.Post("boss national_admin", "/complete/"+id)
	if a.Status != http.StatusAccepted || a.Data["user_id"] != "boss" ||
		a.Data["options"].(map[string]any)["completes"] != id {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	job, err := r.Log.Load(t.Context(), a.Data["job_id"].(string))
	if err != nil || job.Area().Level != events.AreaCountry {
		t.Errorf("%+v %v", job.Area(), err)
	}
	none := r.Upload("alice national_admin")
	r.Append(none, eventstest.Facts(none)...)
	if a := r.Post("boss national_admin", "/complete/"+none); a.Status != http.StatusConflict {
		t.Errorf("nothing waits: %d %s", a.Status, a.Raw)
	}
}

// A policy may let others see the jobs of an area. It is the job's area that counts.
func TestOthersSeeTheJobsOfTheirArea(t *testing.T) {
	policy, err := access.Parse([]byte(`{"roles": {
		"clerk": {"area": "ward", "may": ["upload", "verify", "read_status"]},
		"boss": {"area": "ward", "may": ["read_status"], "others": ["read_status", "cancel"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *apitest.Config) {
		c.API.Policy, c.API.Authenticate = policy, apitest.Authenticate(policy)
	})
	id := r.Upload("alice clerk ward=79800001")
	for who, status := range map[string]int{
		"bob boss ward=79800001": 200, "bob boss ward=79800001 ward=79800002": 200,
		"bob boss ward=79800002": 404, "bob boss": 404, "bob clerk ward=79800001": 404,
	} {
		if a := r.Get(who, "/status/"+id); a.Status != status {
			t.Errorf("%s: %d %s", who, a.Status, a.Raw)
		}
	}
	if a := r.Post("bob boss ward=79800001", "/undo/"+id); a.Error.Code != "forbidden" {
		t.Errorf("not permitted: %d %s", a.Status, a.Raw)
	}
}
