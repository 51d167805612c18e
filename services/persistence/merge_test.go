package persistence

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

func TestNewMember(t *testing.T) {
	w := newFixture(t)
	got := w.upload(
		newPerson(1, registered("79800001", "32840123"), "firstname", "Nomsa", "ward", "79800001",
			"voting_district", "32840999", "age", "44", "date_joined", "2020-02-29",
			"membership_amount", "10.00", "residential_address", "a\tb\\c\nd"),
		newPerson(2, unverified, "surname", "Smith"),
		newPerson(3, registered("79800002", "32840123"), "ward", "79800001"))
	for i, vd := range []string{"32840123", "", "22222222"} {
		if o := got[i]; o.N != i+2 || o.Result != records.Inserted || o.VD != vd || len(o.Changed) > 0 ||
			o.Error != "" {
			t.Errorf("outcome %+v", o)
		}
	}
	w.expectMember(1, map[string]string{
		"firstname": "Nomsa", "surname": "", "ward_code": "79800001", "vd_code": "32840123",
		"voting_district": "32840999", "age": "44", "date_joined": "2020-02-29",
		"membership_amount": "10.00", "residential_address": "a\tb\\c\nd",
		"iec_status": "registered", "iec_voter_status": "REGISTERED", "iec_ward": "79800001",
		"iec_vd": "32840123", "iec_station": "TOWN HALL", "iec_municipality_code": "JHB",
		"iec_municipality": "City of Johannesburg", "iec_province": "Gauteng",
	})
	w.expectMember(2, map[string]string{
		"surname": "Smith", "iec_status": "unverified", "vd_code": "", "verified_at": "",
	})
	w.expectMember(3, map[string]string{"vd_code": "22222222", "iec_vd": "32840123"})
	var times []time.Time
	if err := w.db.Select(&times, `SELECT unnest(ARRAY[verified_at, created_at, updated_at])
FROM members WHERE id_number = $1`, idNumber(1)); err != nil {
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
	deceased := records.Verdict{Status: records.Deceased, VoterStatus: "DECEASED", At: noon}
	full := []string{"firstname", "Nomsa", "surname", "Dube", "ward", "79800001", "date_joined", "2020-01-31",
		"membership_amount", "10.00"}
	verdictOf := func(extra ...string) []string {
		return append([]string{"iec_municipality", "iec_municipality_code", "iec_province", "iec_station", "iec_status",
			"iec_vd", "iec_voter_status", "iec_ward", "vd_code", "verified_at"}, extra...)
	}
	for name, c := range map[string]struct {
		first, second         person
		changed               []string
		before, after, member map[string]string
	}{
		"same file again": {first: newPerson(1, in, full...), second: newPerson(1, in, full...)},
		"asked again with the same answer": {first: newPerson(1, in, full...), second: newPerson(1, later, full...),
			member: map[string]string{"verified_at": "2026-02-23T08:00:00+00:00"}},
		"blank cell does not overwrite": {first: newPerson(1, in, full...),
			second: newPerson(1, in, "ward", "79800001"),
			member: map[string]string{"firstname": "Nomsa", "surname": "Dube", "membership_amount": "10.00"}},
		"empty text counts as blank": {first: newPerson(1, in, full...),
			second: newPerson(1, in, "ward", "79800001", "firstname", "", "age", "")},
		"one field changes": {first: newPerson(1, in, full...),
			second:  newPerson(1, in, append(slices.Clone(full), "surname", "Nkosi")...),
			changed: []string{"surname"}, member: map[string]string{"surname": "Nkosi", "firstname": "Nomsa"}},
		"date joined stays": {first: newPerson(1, in, full...),
			second: newPerson(1, in, append(slices.Clone(full), "date_joined", "2024-05-05")...),
			member: map[string]string{"date_joined": "2020-01-31"}},
		"date joined is filled": {first: newPerson(1, in, "ward", "79800001"),
			second:  newPerson(1, in, "ward", "79800001", "date_joined", "2024-05-05"),
			changed: []string{"date_joined"}, member: map[string]string{"date_joined": "2024-05-05"}},
		"moves to another ward": {first: newPerson(1, in, full...),
			second:  newPerson(1, moved, append(slices.Clone(full), "ward", "79800002")...),
			changed: []string{"iec_vd", "iec_ward", "vd_code", "verified_at", "ward_code"},
			before:  map[string]string{"ward_code": "79800001", "vd_code": "32840123"},
			after:   map[string]string{"ward_code": "79800002", "vd_code": "32840555"}},
		"another ward than the file's": {first: newPerson(1, in, full...), second: newPerson(1, moved, full...),
			changed: []string{"iec_vd", "iec_ward", "vd_code", "verified_at"},
			before:  map[string]string{"vd_code": "32840123"}, after: map[string]string{"vd_code": "22222222"}},
		"dies": {first: newPerson(1, in, full...), second: newPerson(1, deceased, full...),
			changed: verdictOf(), before: map[string]string{"vd_code": "32840123"},
			after:  map[string]string{"vd_code": "11111111"},
			member: map[string]string{"iec_status": "deceased", "iec_ward": "", "ward_code": "79800001"}},
		"unverified keeps the earlier verdict": {first: newPerson(1, in, full...),
			second: newPerson(1, unverified, full...),
			member: map[string]string{"iec_status": "registered", "vd_code": "32840123", "iec_ward": "79800001",
				"verified_at": "2026-02-23T08:00:00+00:00"}},
		"unverified still changes cells": {first: newPerson(1, in, full...),
			second:  newPerson(1, unverified, "surname", "Nkosi", "ward", "79800009"),
			changed: []string{"surname", "ward_code"}, before: map[string]string{"ward_code": "79800001"},
			after:  map[string]string{"ward_code": "79800009"},
			member: map[string]string{"iec_status": "registered", "vd_code": "32840123"}},
		"gets a first verdict": {first: newPerson(1, unverified, full...), second: newPerson(1, in, full...),
			changed: verdictOf(), after: map[string]string{"vd_code": "32840123"},
			member: map[string]string{"iec_status": "registered"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
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
			if o.Result != want || !slices.Equal(o.Changed, c.changed) || !reflect.DeepEqual(o.Before, c.before) ||
				!reflect.DeepEqual(o.After, c.after) {
				t.Errorf("outcome %+v", o)
			}
			w.expectMember(1, c.member)
			now := w.member(1)
			touched := now["updated_at"] != was["updated_at"] && now["updated_by_job"] != was["updated_by_job"]
			if touched != (want == records.Updated) || now["created_by_job"] != was["created_by_job"] ||
				now["created_at"] != was["created_at"] {
				t.Errorf("before %v\nafter %v", was, now)
			}
			// before and after hold all that changed, with the right values.
			var wrong int
			if err := w.db.Get(&wrong, `SELECT count(*)
FROM job_outcomes o, unnest(o.changed) k, jsonb_each_text($1::jsonb) was, jsonb_each_text($2::jsonb) now
WHERE was.key = k AND now.key = k AND (coalesce(o.before->>k, '') <> was.value
  OR coalesce(o.after->>k, '') <> now.value OR was.value = now.value)`,
				toJSON(was), toJSON(now)); err != nil || wrong != 0 {
				t.Errorf("%d values before or after are wrong, %v", wrong, err)
			}
		})
	}
}

func TestSameFileTwiceChangesNoMember(t *testing.T) {
	w := newFixture(t)
	var list []person
	for i := range 100 {
		list = append(list, newPerson(i, registered("79800001", "32840123"), "firstname", "A", "ward", "79800001",
			"last_payment", "2025-01-31", "membership_amount", "10.00"))
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

// The table has as many rows of each kind as the figures say.
func TestDatabaseStatsAddUp(t *testing.T) {
	w := newFixture(t)
	var known []person
	for i := range 30 {
		known = append(known, newPerson(i, unverified, "firstname", "Old"))
	}
	w.upload(known...)
	// 30 members: 9 refused, 11 changed, 10 unchanged; 20 are new, 4 of them refused.
	var list []person
	for i := range 50 {
		p := newPerson(i, unverified, "firstname", "Old")
		switch {
		case i < 9, i >= 46:
			p.row.Fields["age"] = "old"
		case i < 20:
			p.row.Fields["firstname"] = "New"
		}
		list = append(list, p)
	}
	job := newJob(len(list), events.Options{})
	got, stats, err := w.writeJob(t.Context(), job, list...)
	if want := (events.DatabaseStats{Total: 50, Inserts: 16, Updates: 11, Unchanged: 10, Errors: 13}); err != nil ||
		stats != want || len(got) != 50 {
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
		if n := w.countRows(what); n != want {
			t.Errorf("%d %s, want %d", n, what, want)
		}
	}
}
