package wards

import (
	"fmt"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/services/postgres/postgrestest"
)

// member writes a member as persistence does: a new one, or new values of one.
func member(t *testing.T, db *sqlx.DB, n int, job, ward, status, iecWard, municipality, province string) {
	t.Helper()
	verified := any("2026-03-01")
	if status == "unverified" {
		verified = nil
	}
	if _, err := db.Exec(`INSERT INTO members (id_number, ward_code, iec_status, iec_ward, municipality, province,
  verified_at, created_at, updated_at, created_by_job, updated_by_job)
VALUES ($1, nullif($2, ''), $3, nullif($4, ''), nullif($5, ''), nullif($6, ''), $7, now(), now(), $8, $8)
ON CONFLICT (id_number) DO UPDATE SET ward_code = excluded.ward_code, iec_status = excluded.iec_status,
  iec_ward = excluded.iec_ward, verified_at = excluded.verified_at`,
		fmt.Sprintf("80010150%05d", n), ward, status, iecWard, municipality, province, verified, job); err != nil {
		t.Fatal(err)
	}
}

func stand(t *testing.T, db *sqlx.DB, q Query) *Standing {
	t.Helper()
	if q.Bounds == nil {
		q.Bounds = access.NewBounds(events.Country())
	}
	s, err := NewBook(db, 2).Stand(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func now(t *testing.T, db *sqlx.DB) (at time.Time) {
	t.Helper()
	if err := db.Get(&at, `SELECT clock_timestamp()`); err != nil {
		t.Fatal(err)
	}
	return at
}

// What is counted is what is in the table members, now and at each earlier time.
func TestTheStandingOfWardsFollowsTheMembers(t *testing.T) {
	db := postgrestest.New(t)
	if err := Replace(t.Context(), db, []Region{
		{Ward: "79800001", SubRegion: "Soweto", Municipality: "JHB", Province: "GP"},
		{Ward: "79800002", Municipality: "JHB", Province: "GP"},
		{Ward: "79800009", Municipality: "JHB", Province: "GP"},
	}); err != nil {
		t.Fatal(err)
	}
	empty := now(t, db)
	member(t, db, 1, "job-1", "79800001", "registered", "79800001", "", "")
	member(t, db, 2, "job-1", "79800001", "registered", "79800001", "JHB - City of Johannesburg", "Gauteng")
	member(t, db, 3, "job-1", "79800001", "registered", "79800002", "", "")
	member(t, db, 4, "job-1", "79800002", "deceased", "", "", "")
	member(t, db, 5, "job-1", "", "registered", "10105001", "WC015 - Swartland", "Western Cape")
	first := now(t, db)
	member(t, db, 6, "job-2", "79800001", "unverified", "", "", "")
	member(t, db, 1, "job-2", "79800001", "deceased", "", "", "")
	member(t, db, 3, "job-2", "79800002", "registered", "79800002", "", "")
	second := now(t, db)
	if _, err := db.Exec(`DELETE FROM members WHERE created_by_job = 'job-1'`); err != nil {
		t.Fatal(err)
	}

	if s := stand(t, db, Query{At: empty}); s.Total.Members != 0 || len(s.Wards) != 3 || s.Total.Wards != 3 {
		t.Errorf("before anybody was a member: %+v", s)
	}
	s := stand(t, db, Query{At: first, JobID: "job-1"})
	want := Counts{Members: 3, Registered: 2, Elsewhere: 1, New: 3}
	if w := s.Wards[0]; w.Ward != "79800001" || w.Counts != want || !w.Reached || w.SubRegion != "Soweto" {
		t.Errorf("after the first job: %+v", w)
	}
	if len(s.Provinces) != 2 || s.Provinces[0].Province != "GP" || s.Provinces[0].Members != 4 ||
		s.Provinces[0].Wards != 3 || s.Provinces[0].Reached != 1 || s.Provinces[1].Province != "WC" ||
		s.Municipalities[1].Municipality != "WC015" || s.Municipalities[1].Registered != 1 {
		t.Errorf("%+v, %+v", s.Provinces, s.Municipalities)
	}
	s = stand(t, db, Query{At: second, JobID: "job-2", Province: "GP"})
	want = Counts{Members: 5, Registered: 2, Deceased: 2, Unverified: 1, New: 1}
	if s.Total.Counts != want || s.Wards[0].Reached || len(s.Wards) != 3 || s.Wards[1].Registered != 1 {
		t.Errorf("after the second job: %+v", s)
	}
	if s := stand(t, db, Query{}); s.Total.Members != 1 || s.Total.Unverified != 1 {
		t.Errorf("after the removal: %+v", s.Total)
	}

	points, err := NewBook(db, 2).Course(t.Context(), Query{Bounds: access.NewBounds(events.Country())},
		[]time.Time{empty.AddDate(0, 0, -1), second.AddDate(0, 0, 1)})
	if err != nil || len(points) != 2 || points[0].Members != 0 || points[1].Members != 1 {
		t.Errorf("over time: %+v, %v", points, err)
	}
}

// Nobody counts members outside of their area, nor those of whom nobody can tell where they are.
func TestNobodyIsCountedOutsideOfAnArea(t *testing.T) {
	db := postgrestest.New(t)
	member(t, db, 1, "job-1", "79800001", "registered", "79800001", "JHB - City of Johannesburg", "Gauteng")
	member(t, db, 2, "job-1", "79800001", "registered", "79800001", "WC015 - Swartland", "Western Cape")
	member(t, db, 3, "job-1", "79800001", "registered", "79800001", "", "")
	member(t, db, 4, "job-1", "", "registered", "79800002", "", "")
	for name, c := range map[string]struct {
		area    events.Area
		members int
	}{
		"nowhere":        {events.Area{}, 0},
		"country":        {events.Country(), 4},
		"province":       {events.Area{Level: events.AreaProvince, Codes: []string{"GP"}}, 1},
		"known wards":    {events.Area{Level: events.AreaProvince, Codes: []string{"GP"}, Wards: []string{"79800001"}}, 2},
		"municipality":   {events.Area{Level: events.AreaMunicipality, Codes: []string{"WC015"}}, 1},
		"ward":           {events.Area{Level: events.AreaWard, Codes: []string{"79800001"}}, 3},
		"ward of no one": {events.Area{Level: events.AreaWard, Codes: []string{"79800003"}}, 0},
	} {
		if s := stand(t, db, Query{Bounds: access.NewBounds(c.area)}); s.Total.Members != c.members {
			t.Errorf("%s: %+v", name, s.Total)
		}
	}
}

// A roll may have the number of a person in any cell. What counts members keeps none.
func TestNoNumberIsKeptAsAPlace(t *testing.T) {
	db := postgrestest.New(t)
	for n, text := range []string{"8001015009087", "80 01 01-5009.087", "８００１０１５００９０８７", "٨٠٠١٠١",
		"WC015 - Swartland", "Nelson Mandela Bay", "Tshwane (ṱ)"} {
		member(t, db, n, "job-1", "", "unverified", "", text, text)
	}
	var list []string
	if err := db.Select(&list, `SELECT municipality || place_municipality || province || place_province
FROM ward_changes ORDER BY at`); err != nil {
		t.Fatal(err)
	}
	for n, got := range list {
		if (got == "") != (n < 4) {
			t.Errorf("%d is kept as %q", n, got)
		}
	}
}
