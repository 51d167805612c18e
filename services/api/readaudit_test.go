package api_test

import (
	"fmt"
	"testing"
	"time"

	"rollcall.example/events"
)

func TestTheInformationOfficerReadsTheAudit(t *testing.T) {
	r := newRig(t, defaultPolicy)
	one, two := events.NewJobID(), events.NewJobID()
	auditor := events.NewAuditor(r.Log.JetStream())
	for i, job := range []string{one, two, one} {
		access := events.Access{JobID: job, What: events.AccessRow, At: time.Now(), Row: i + 1,
			By: events.User{ID: "alice", Role: "national_admin"}, From: "10.0.0.1"}
		if err := auditor.Write(t.Context(), access); err != nil {
			t.Fatal(err)
		}
	}
	rows := func(path string) (list []any, last uint64) {
		t.Helper()
		a := r.Get("ivy information_officer", path)
		if a.Status != 200 {
			t.Fatalf("%s: %d %s", path, a.Status, a.Raw)
		}
		for _, access := range a.Data["accesses"].([]any) {
			fields := access.(map[string]any)
			list, last = append(list, fields["row"]), uint64(fields["seq"].(float64))
		}
		return list, last
	}
	if got, _ := rows("/audit"); fmt.Sprint(got) != "[1 2 3]" {
		t.Errorf("all: %v", got)
	}
	if got, _ := rows("/audit?job_id=" + one); fmt.Sprint(got) != "[1 3]" {
		t.Errorf("of one job: %v", got)
	}
	got, last := rows("/audit?limit=2")
	if next, _ := rows(fmt.Sprint("/audit?after=", last)); fmt.Sprint(got, next) != "[1 2] [3]" {
		t.Errorf("pages: %v %v", got, next)
	}
	for _, path := range []string{"/audit?job_id=x", "/audit?after=-1", "/audit?limit=0"} {
		if a := r.Get("ivy information_officer", path); a.Status != 400 {
			t.Errorf("%s: %d %s", path, a.Status, a.Raw)
		}
	}
	if a := r.Get("boss super_admin", "/audit"); a.Error.Code != "forbidden" {
		t.Errorf("a super admin: %d %s", a.Status, a.Raw)
	}
}
