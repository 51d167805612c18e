package jobs_test

import (
	"reflect"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/jobs"
)

// Rebuild restores rows that are missing or altered, and removes those of jobs that do
// not exist.
func TestRebuildMakesTheSameTable(t *testing.T) {
	r := newRig(t)
	r.Project()
	var ids []string
	for i := range 12 {
		id := r.Upload("alice member")
		ids = append(ids, id)
		switch facts := eventstest.Facts(id); i % 4 {
		case 0:
			r.Append(id, facts...)
		case 1:
			r.Append(id, facts[:2]...)
		case 2:
			r.Append(id, &events.Failed{
				Stage: events.StageValidation, Code: "no_rows", Message: "The workbook has no rows.", Attempts: 1,
			})
		case 3:
			r.Post("alice member", "/cancel/"+id)
		}
	}
	eventstest.Wait(t, "all messages settled", func() bool { return r.unsettled() == 0 })
	all := func() (rows []jobs.Row) {
		if err := r.DB.Select(&rows, "SELECT * FROM jobs ORDER BY job_id"); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	before := all()
	r.Exec("DELETE FROM jobs WHERE job_id = '" + ids[0] + "'")
	r.Exec("UPDATE jobs SET status = 'completed', seq = seq + 1000 WHERE job_id = '" + ids[1] + "'")
	r.Exec("UPDATE jobs SET job_id = 'job-00000000-0000-7000-8000-000000000000' WHERE job_id = '" + ids[2] + "'")
	r.Exec("UPDATE job_sums SET jobs = jobs + 5, records = 77")
	n, err := r.Table.Rebuild(t.Context())
	if err != nil || n != len(ids) {
		t.Fatalf("%d jobs, %v", n, err)
	}
	if sums, err := r.Table.Totals(t.Context(), "alice"); err != nil || sums.Jobs != len(ids) || sums.Records == 77 {
		t.Errorf("sums of %d jobs and %d records, %v", sums.Jobs, sums.Records, err)
	}
	if after := all(); !reflect.DeepEqual(after, before) || len(after) != len(ids) {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
}

// A job with an event of a newer rollcall keeps its row. The others are rebuilt.
func TestRebuildLeavesJobsOfANewerVersion(t *testing.T) {
	r := newRig(t)
	r.Project()
	newer, known := r.Upload("alice member"), r.Upload("alice member")
	eventstest.Wait(t, "all messages settled", func() bool { return r.unsettled() == 0 })
	job, err := r.Log.Load(t.Context(), newer)
	if err != nil {
		t.Fatal(err)
	}
	eventstest.AppendNewer(t, r.NATS, job)
	r.Exec("UPDATE jobs SET owner_role = 'altered'")
	n, err := r.Table.Rebuild(t.Context())
	if err != nil || n != 1 {
		t.Errorf("%d jobs, %v", n, err)
	}
	if was, now := r.listed(newer), r.listed(known); was.OwnerRole != "altered" || now.OwnerRole != "member" {
		t.Errorf("the newer one %+v\nthe other %+v", was, now)
	}
}
