package persistence

import (
	"slices"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// cells are two values that a column of the file can hold.
func cells(c column) (a, b string) {
	switch {
	case c.typ == "smallint":
		return "44", "45"
	case c.typ == "date":
		return "2024-02-29", "2025-01-31"
	case c.typ == "numeric(12,2)":
		return "10.00", "120.50"
	case c.field == "ward", c.field == "voting_district":
		return "79800001", "79800002"
	case c.field == "cell_number", c.field == "landline_number":
		return "+27821234567", "+27115551234"
	case c.field == "email":
		return "a@example.org", "b@example.org"
	}
	return "First", "Second"
}

// Each column of the file by itself: a cell changes its column and no other, a
// blank cell nothing, and when somebody joined never changes.
func TestEachColumnOfTheFile(t *testing.T) {
	w := newWorld(t)
	var of []column
	var full, blank, other []person
	for _, c := range columns {
		if c.verdict != nil {
			continue
		}
		i := len(of)
		of = append(of, c)
		var all, changed []string
		for _, d := range columns {
			if d.verdict != nil {
				continue
			}
			a, b := cells(d)
			all = append(all, d.field, a)
			if d.name == c.name {
				a = b
			}
			changed = append(changed, d.field, a)
		}
		blanked := slices.Clone(all)
		blanked[2*i+1] = ""
		full, blank, other = append(full, one(i, unverified, all...)), append(blank, one(i, unverified, blanked...)), append(other, one(i, unverified, changed...))
	}
	if len(of) != 25 {
		t.Fatalf("%d columns", len(of))
	}
	all := func(result string, got []records.Outcome) {
		t.Helper()
		for i, o := range got {
			if o.Result != result || len(o.Changed) > 0 {
				t.Errorf("%s: %+v, want %s", of[i].name, o, result)
			}
		}
	}
	all(records.Inserted, w.upload(full...))
	w.clock = noon.Add(time.Hour)
	all(records.Unchanged, w.upload(full...))
	all(records.Unchanged, w.upload(blank...))
	var nothing []person
	for i := range of {
		nothing = append(nothing, one(i, unverified))
	}
	all(records.Unchanged, w.upload(nothing...))
	for i, o := range w.upload(other...) {
		a, b := cells(of[i])
		want := records.Outcome{Result: records.Updated, Changed: []string{of[i].name}}
		if of[i].name == "date_joined" {
			b, want = a, records.Outcome{Result: records.Unchanged}
		}
		if o.Result != want.Result || !slices.Equal(o.Changed, want.Changed) {
			t.Errorf("%s: %+v", of[i].name, o)
		}
		for k, d := range of {
			value, _ := cells(d)
			if k == i {
				value = b
			}
			w.expect(i, map[string]string{d.name: value})
		}
	}
}

// The rules of the VD code, in the table and in the outcome, for somebody new
// and for a member who had another one.
func TestVDCodeIsWritten(t *testing.T) {
	const ward, other, vd, earlier = "79800001", "79800002", "32840123", "32840999"
	at := monday
	cases := []struct {
		name     string
		verdict  records.Verdict
		fileWard string
		want     string
	}{
		{"deceased", records.Verdict{Status: records.Deceased, At: at}, ward, "11111111"},
		{"not registered", records.Verdict{Status: records.NotRegistered, At: at}, ward, "99999999"},
		{"international", records.Verdict{Status: records.International, At: at}, ward, "33333333"},
		{"another ward", registered(other, vd), ward, "22222222"},
		{"the file's ward", registered(ward, vd), ward, vd},
		{"no ward in the file", registered(other, vd), "", vd},
		{"no VD", registered(ward, ""), ward, "22222222"},
		{"unverified", unverified, ward, ""},
	}
	w := newWorld(t)
	var members, again, fresh []person
	for i, c := range cases {
		members = append(members, one(i, registered(ward, earlier), "ward", ward))
		again = append(again, one(i, c.verdict, "ward", c.fileWard))
		fresh = append(fresh, one(100+i, c.verdict, "ward", c.fileWard))
	}
	w.upload(members...)
	for i, o := range w.upload(fresh...) {
		if o.Result != records.Inserted || o.VD != cases[i].want || o.Before != nil || o.After != nil {
			t.Errorf("new, %s: %+v", cases[i].name, o)
		}
		w.expect(100+i, map[string]string{"vd_code": cases[i].want, "iec_status": string(cases[i].verdict.Status)})
	}
	for i, o := range w.upload(again...) {
		c := cases[i]
		if c.verdict.Status == records.Unverified {
			// What the IEC once said stays.
			if o.Result != records.Unchanged || o.Before != nil || o.After != nil {
				t.Errorf("member, %s: %+v", c.name, o)
			}
			w.expect(i, map[string]string{"vd_code": earlier, "iec_status": "registered"})
			continue
		}
		if o.Result != records.Updated || o.VD != c.want || o.Before["vd_code"] != earlier || o.After["vd_code"] != c.want {
			t.Errorf("member, %s: %+v", c.name, o)
		}
		w.expect(i, map[string]string{"vd_code": c.want, "ward_code": ward})
	}
}

// The numbers are those of the table: what they count is found there.
func TestDatabaseStatsAddUp(t *testing.T) {
	w := newWorld(t)
	var known []person
	for i := range 30 {
		known = append(known, one(i, unverified, "firstname", "Old"))
	}
	w.upload(known...)
	// 30 members: 9 refused, 11 changed, 10 the same; 20 are new, 4 of them refused.
	var list []person
	for i := range 50 {
		p := one(i, unverified, "firstname", "Old")
		switch {
		case i < 9, i >= 46:
			p.row.Fields["age"] = "old"
		case i < 20:
			p.row.Fields["firstname"] = "New"
		}
		list = append(list, p)
	}
	job := newJob(len(list), events.Options{})
	got, stats, err := w.attempt(t.Context(), job, list...)
	if want := (events.DatabaseStats{Total: 50, Inserts: 16, Updates: 11, Unchanged: 10, Errors: 13}); err != nil || stats != want || len(got) != 50 {
		t.Fatalf("stats %+v, %d outcomes, %v", stats, len(got), err)
	}
	for what, want := range map[string]int{
		"members": 46,
		"members WHERE created_by_job = '" + job.ID + "'":                           stats.Inserts,
		"members WHERE updated_by_job = '" + job.ID + "' AND firstname = 'New'":     stats.Updates,
		"members WHERE updated_by_job <> '" + job.ID + "'":                          stats.Unchanged + 9,
		"job_outcomes WHERE job_id = '" + job.ID + "'":                              stats.Total,
		"job_outcomes WHERE job_id = '" + job.ID + "' AND result = 'refused'":       stats.Errors,
		"job_outcomes WHERE job_id = '" + job.ID + "' AND changed <> '{firstname}'": stats.Total - stats.Updates,
	} {
		if n := w.count(what); n != want {
			t.Errorf("%d %s, want %d", n, what, want)
		}
	}
}
