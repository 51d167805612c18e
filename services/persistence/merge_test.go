package persistence

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"rollcall.example/events/records"
	"rollcall.example/schema"
)

func TestColumnsAreTheRollsAndTheTables(t *testing.T) {
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
	db := newWorld(t).db
	for _, c := range columns {
		var typ string
		if err := db.Get(&typ, `SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'members'::regclass AND attname = $1`, c.name); err != nil {
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

func TestNewMember(t *testing.T) {
	w := newWorld(t)
	got := w.upload(
		one(1, registered("79800001", "32840123"), "firstname", "Nomsa", "ward", "79800001", "voting_district", "32840999",
			"age", "44", "date_joined", "2020-02-29", "membership_amount", "10.00", "residential_address", "a\tb\\c\nd"),
		one(2, unverified, "surname", "Smith"),
		one(3, registered("79800002", "32840123"), "ward", "79800001"))
	for i, vd := range []string{"32840123", "", "22222222"} {
		if o := got[i]; o.N != i+2 || o.Result != records.Inserted || o.VD != vd || len(o.Changed) > 0 || o.Error != "" {
			t.Errorf("outcome %+v", o)
		}
	}
	w.expect(1, map[string]string{"firstname": "Nomsa", "surname": "", "ward_code": "79800001", "vd_code": "32840123",
		"voting_district": "32840999", "age": "44", "date_joined": "2020-02-29", "membership_amount": "10.00", "residential_address": "a\tb\\c\nd",
		"iec_status": "registered", "iec_voter_status": "REGISTERED", "iec_ward": "79800001", "iec_vd": "32840123",
		"iec_station": "TOWN HALL", "iec_municipality_code": "JHB", "iec_municipality": "City of Johannesburg", "iec_province": "Gauteng"})
	w.expect(2, map[string]string{"surname": "Smith", "iec_status": "unverified", "vd_code": "", "verified_at": ""})
	w.expect(3, map[string]string{"vd_code": "22222222", "iec_vd": "32840123"})
	var times []time.Time
	if err := w.db.Select(&times, `SELECT unnest(ARRAY[verified_at, created_at, updated_at]) FROM members WHERE id_number = $1`, idNumber(1)); err != nil {
		t.Fatal(err)
	}
	if len(times) != 3 || !times[0].Equal(monday) || !times[1].Equal(noon) || !times[2].Equal(noon) {
		t.Errorf("times %v", times)
	}
}

func TestExistingMember(t *testing.T) {
	in := registered("79800001", "32840123")
	moved := registered("79800002", "32840555")
	moved.At = noon
	later := in
	later.At = noon
	gone := records.Verdict{Status: records.Deceased, VoterStatus: "DECEASED", At: noon}
	full := []string{"firstname", "Nomsa", "surname", "Dube", "ward", "79800001", "date_joined", "2020-01-31", "membership_amount", "10.00"}
	verdictOf := func(extra ...string) []string {
		return append([]string{"iec_municipality", "iec_municipality_code", "iec_province", "iec_station", "iec_status", "iec_vd", "iec_voter_status", "iec_ward", "vd_code", "verified_at"}, extra...)
	}
	for name, c := range map[string]struct {
		first, second         person
		changed               []string
		before, after, member map[string]string
	}{
		"the same again":           {first: one(1, in, full...), second: one(1, in, full...)},
		"asked again, same answer": {first: one(1, in, full...), second: one(1, later, full...), member: map[string]string{"verified_at": "2026-02-23T08:00:00+00:00"}},
		"blank never overwrites": {first: one(1, in, full...), second: one(1, in, "ward", "79800001"),
			member: map[string]string{"firstname": "Nomsa", "surname": "Dube", "membership_amount": "10.00"}},
		"empty text is blank": {first: one(1, in, full...), second: one(1, in, "ward", "79800001", "firstname", "", "age", "")},
		"one field": {first: one(1, in, full...), second: one(1, in, append(slices.Clone(full), "surname", "Nkosi")...),
			changed: []string{"surname"}, member: map[string]string{"surname": "Nkosi", "firstname": "Nomsa"}},
		"date joined stays": {first: one(1, in, full...), second: one(1, in, append(slices.Clone(full), "date_joined", "2024-05-05")...),
			member: map[string]string{"date_joined": "2020-01-31"}},
		"date joined is filled": {first: one(1, in, "ward", "79800001"), second: one(1, in, "ward", "79800001", "date_joined", "2024-05-05"),
			changed: []string{"date_joined"}, member: map[string]string{"date_joined": "2024-05-05"}},
		"moved": {first: one(1, in, full...), second: one(1, moved, append(slices.Clone(full), "ward", "79800002")...),
			changed: []string{"iec_vd", "iec_ward", "vd_code", "verified_at", "ward_code"},
			before:  map[string]string{"ward_code": "79800001", "vd_code": "32840123"}, after: map[string]string{"ward_code": "79800002", "vd_code": "32840555"}},
		"another ward than the file's": {first: one(1, in, full...), second: one(1, moved, full...),
			changed: []string{"iec_vd", "iec_ward", "vd_code", "verified_at"},
			before:  map[string]string{"vd_code": "32840123"}, after: map[string]string{"vd_code": "22222222"}},
		"deceased": {first: one(1, in, full...), second: one(1, gone, full...),
			changed: verdictOf(), before: map[string]string{"vd_code": "32840123"}, after: map[string]string{"vd_code": "11111111"},
			member: map[string]string{"iec_status": "deceased", "iec_ward": "", "ward_code": "79800001"}},
		"unverified keeps the earlier verdict": {first: one(1, in, full...), second: one(1, unverified, full...),
			member: map[string]string{"iec_status": "registered", "vd_code": "32840123", "iec_ward": "79800001", "verified_at": "2026-02-23T08:00:00+00:00"}},
		"unverified still brings its cells": {first: one(1, in, full...), second: one(1, unverified, "surname", "Nkosi", "ward", "79800009"),
			changed: []string{"surname", "ward_code"}, before: map[string]string{"ward_code": "79800001"}, after: map[string]string{"ward_code": "79800009"},
			member: map[string]string{"iec_status": "registered", "vd_code": "32840123"}},
		"a first verdict": {first: one(1, unverified, full...), second: one(1, in, full...),
			changed: verdictOf(), after: map[string]string{"vd_code": "32840123"}, member: map[string]string{"iec_status": "registered"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.upload(c.first)
			was := w.member(1)
			w.clock = noon.Add(time.Hour)
			o := w.upload(c.second)[0]
			slices.Sort(o.Changed)
			slices.Sort(c.changed)
			want := records.Unchanged
			if len(c.changed) > 0 {
				want = records.Updated
			}
			if o.Result != want || !slices.Equal(o.Changed, c.changed) || !reflect.DeepEqual(o.Before, c.before) || !reflect.DeepEqual(o.After, c.after) {
				t.Errorf("outcome %+v", o)
			}
			w.expect(1, c.member)
			now := w.member(1)
			touched := now["updated_at"] != was["updated_at"] && now["updated_by_job"] != was["updated_by_job"]
			if touched != (want == records.Updated) || now["created_by_job"] != was["created_by_job"] || now["created_at"] != was["created_at"] {
				t.Errorf("was %v\nnow %v", was, now)
			}
			// The images hold all that changed, and undo it.
			var wrong int
			if err := w.db.Get(&wrong, `SELECT count(*) FROM job_outcomes o, unnest(o.changed) k, jsonb_each_text($1::jsonb) was, jsonb_each_text($2::jsonb) now
WHERE was.key = k AND now.key = k AND (coalesce(o.before->>k, '') <> was.value OR coalesce(o.after->>k, '') <> now.value OR was.value = now.value)`,
				object(was), object(now)); err != nil || wrong != 0 {
				t.Errorf("%d images are wrong, %v", wrong, err)
			}
		})
	}
}

func TestSameFileTwiceChangesNoMember(t *testing.T) {
	w := newWorld(t)
	var list []person
	for i := range 100 {
		list = append(list, one(i, registered("79800001", "32840123"), "firstname", "A", "ward", "79800001", "last_payment", "2025-01-31", "membership_amount", "10.00"))
	}
	w.upload(list...)
	var before, after string
	const digest = `SELECT md5(string_agg(md5(m::text || m.ctid::text), '' ORDER BY id_number)) FROM members m`
	if err := w.db.Get(&before, digest); err != nil {
		t.Fatal(err)
	}
	w.clock = noon.Add(time.Hour)
	for _, o := range w.upload(list...) {
		if o.Result != records.Unchanged || len(o.Changed) > 0 {
			t.Fatalf("outcome %+v", o)
		}
	}
	if err := w.db.Get(&after, digest); err != nil || before != after {
		t.Fatalf("members were written again, %v", err)
	}
}
