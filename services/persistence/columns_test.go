package persistence

import (
	"slices"
	"testing"
	"time"

	"rollcall.example/events/records"
	"rollcall.example/schema"
)

func TestColumnsMatchTheRollAndTheTable(t *testing.T) {
	fields, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		known := slices.ContainsFunc(columns, func(c column) bool { return c.field == f.Field })
		if known == (f.Field == schema.FieldID) {
			t.Errorf("field %s is mapped: %v", f.Field, known)
		}
	}
	db := newFixture(t).db
	for _, c := range columns {
		var typ string
		if err := db.Get(&typ, `SELECT format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'members'::regclass AND attname = $1`, c.name); err != nil {
			t.Errorf("column %s: %v", c.name, err)
		}
		want := c.typ
		switch want {
		case "":
			want = "text"
		case "timestamptz":
			want = "timestamp with time zone"
		}
		if typ != want {
			t.Errorf("column %s is %s, not %s", c.name, typ, want)
		}
	}
}

// sampleCells returns two values that a column of the file can hold.
func sampleCells(c column) (a, b string) {
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

// A cell changes its own column and no other, a blank cell changes nothing, and
// date_joined never changes.
func TestEachCellChangesItsColumnOnly(t *testing.T) {
	w := newFixture(t)
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
			a, b := sampleCells(d)
			all = append(all, d.field, a)
			if d.name == c.name {
				a = b
			}
			changed = append(changed, d.field, a)
		}
		blanked := slices.Clone(all)
		blanked[2*i+1] = ""
		full, blank, other = append(full, newPerson(i, unverified, all...)),
			append(blank, newPerson(i, unverified, blanked...)), append(other, newPerson(i, unverified, changed...))
	}
	if len(of) != 29 {
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
		nothing = append(nothing, newPerson(i, unverified))
	}
	all(records.Unchanged, w.upload(nothing...))
	for i, o := range w.upload(other...) {
		a, b := sampleCells(of[i])
		want := records.Outcome{Result: records.Updated, Changed: []string{of[i].name}}
		if of[i].name == "date_joined" {
			b, want = a, records.Outcome{Result: records.Unchanged}
		}
		if o.Result != want.Result || !slices.Equal(o.Changed, want.Changed) {
			t.Errorf("%s: %+v", of[i].name, o)
		}
		for k, d := range of {
			value, _ := sampleCells(d)
			if k == i {
				value = b
			}
			w.expectMember(i, map[string]string{d.name: value})
		}
	}
}

// The rules of the VD code hold in the table and in the outcome, for a new member
// and for one who had another code.
func TestMergeWritesVDCode(t *testing.T) {
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
	w := newFixture(t)
	var members, again, fresh []person
	for i, c := range cases {
		members = append(members, newPerson(i, registered(ward, earlier), "ward", ward))
		again = append(again, newPerson(i, c.verdict, "ward", c.fileWard))
		fresh = append(fresh, newPerson(100+i, c.verdict, "ward", c.fileWard))
	}
	w.upload(members...)
	for i, o := range w.upload(fresh...) {
		if o.Result != records.Inserted || o.VD != cases[i].want || o.Before != nil || o.After != nil {
			t.Errorf("new, %s: %+v", cases[i].name, o)
		}
		w.expectMember(100+i, map[string]string{"vd_code": cases[i].want,
			"iec_status": string(cases[i].verdict.Status)})
	}
	for i, o := range w.upload(again...) {
		c := cases[i]
		if c.verdict.Status == records.Unverified {
			// The earlier verdict stays.
			if o.Result != records.Unchanged || o.Before != nil || o.After != nil {
				t.Errorf("member, %s: %+v", c.name, o)
			}
			w.expectMember(i, map[string]string{"vd_code": earlier, "iec_status": "registered"})
			continue
		}
		if o.Result != records.Updated || o.VD != c.want || o.Before["vd_code"] != earlier ||
			o.After["vd_code"] != c.want {
			t.Errorf("member, %s: %+v", c.name, o)
		}
		w.expectMember(i, map[string]string{"vd_code": c.want, "ward_code": ward})
	}
}
