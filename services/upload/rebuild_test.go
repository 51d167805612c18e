package upload

import (
	"reflect"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// A projection that was lost, altered, or has jobs that never were is made again
// as it was.
func TestRebuildMakesTheSameTable(t *testing.T) {
	r := newRig(t)
	r.project()
	var ids []string
	for i := range 12 {
		id := r.uploaded("alice member")
		ids = append(ids, id)
		switch facts := eventstest.Facts(id); i % 4 {
		case 0:
			r.as(id, facts...)
		case 1:
			r.as(id, facts[:2]...)
		case 2:
			r.as(id, &events.Failed{Stage: events.StageValidation, Code: "no_rows", Message: "The workbook has no rows.", Attempts: 1})
		case 3:
			r.post("alice member", "/cancel/"+id)
		}
	}
	eventstest.Wait(t, "all messages settled", func() bool { return r.unsettled() == 0 })
	all := func() (rows []row) {
		if err := r.svc.cfg.DB.Select(&rows, "SELECT * FROM jobs ORDER BY job_id"); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	before := all()
	r.exec("DELETE FROM jobs WHERE job_id = '" + ids[0] + "'")
	r.exec("UPDATE jobs SET status = 'completed', seq = seq + 1000 WHERE job_id = '" + ids[1] + "'")
	r.exec("UPDATE jobs SET job_id = 'job-00000000-0000-7000-8000-000000000000' WHERE job_id = '" + ids[2] + "'")
	n, err := Rebuild(t.Context(), r.log, r.svc.cfg.DB)
	if err != nil || n != len(ids) {
		t.Fatalf("%d jobs, %v", n, err)
	}
	if after := all(); !reflect.DeepEqual(after, before) || len(after) != len(ids) {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
}
