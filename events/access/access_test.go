package access

import (
	"errors"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	refused, ok := errors.AsType[*refusal.Error](err)
	if !ok {
		return err.Error()
	}
	return refused.Code
}

func TestUnknownRolesMayDoNothing(t *testing.T) {
	p := Default()
	for _, role := range []string{"", "admin", "root", "super_admin2", "member\x00"} {
		who := p.Identify(events.User{ID: "eve", Role: role}, Places{Provinces: []string{"GP"}})
		for _, want := range Permissions {
			if got := codeOf(who.May(want)); got != refusal.CodeForbidden {
				t.Errorf("%q may %s: %q", role, want, got)
			}
		}
		if who.Area.Level != events.AreaNowhere {
			t.Errorf("%q has the area %v", role, who.Area)
		}
	}
	var nobody Principal
	if codeOf(nobody.May(ReadStatus)) != refusal.CodeForbidden {
		t.Error("the zero Principal may read")
	}
}

func TestUnknownPermissionsAreForbidden(t *testing.T) {
	who := Default().Identify(events.User{ID: "a", Role: "super_admin"}, Places{})
	if got := codeOf(who.May("fly")); got != refusal.CodeForbidden {
		t.Errorf("fly: %q", got)
	}
}

func TestRolesAreFoundInAnyCaseAndByAlias(t *testing.T) {
	for role, want := range map[string]events.AreaLevel{
		"SUPER_ADMIN": events.AreaCountry, "National_Admin": events.AreaCountry,
		"PROVINCIAL_ADMIN": events.AreaProvince, "municipal_admin": events.AreaMunicipality,
	} {
		who := Default().Identify(events.User{ID: "a", Role: role},
			Places{Provinces: []string{"Gauteng"}, Municipalities: []string{"jhb"}, Wards: []string{"79800001"}})
		if who.Area.Level != want || who.May(Upload) != nil {
			t.Errorf("%s: %+v", role, who)
		}
	}
}

func TestAnAreaHasTheCodesOfItsLevelOnly(t *testing.T) {
	places := Places{
		Provinces: []string{"Gauteng", "gp"}, Municipalities: []string{"JHB - City of Johannesburg"},
		Wards: []string{"79800001.0"},
	}
	for role, want := range map[string]string{
		"province_admin": "GP", "municipality_admin": "JHB", "ward_admin": "79800001",
	} {
		who := Default().Identify(events.User{ID: "a", Role: role}, places)
		if len(who.Area.Codes) != 1 || who.Area.Codes[0] != want {
			t.Errorf("%s: %v", role, who.Area)
		}
		without := Default().Identify(events.User{ID: "a", Role: role}, Places{})
		if without.Area.Level != events.AreaNowhere {
			t.Errorf("%s without a claim: %v", role, without.Area)
		}
	}
}

func TestMayOnHidesJobsOfOthers(t *testing.T) {
	policy := Default()
	area := events.Area{Level: events.AreaWard, Codes: []string{"79800001"}}
	job := &events.Job{ID: "job", Owner: events.User{ID: "alice"}, Uploaded: &events.Uploaded{Area: &area}}
	for _, c := range []struct {
		id, role string
		want     Permission
		code     string
	}{
		{"alice", "ward_admin", ReadRows, ""},
		{"alice", "ward_admin", Undo, refusal.CodeForbidden},
		{"alice", "member", ReadStatus, ""},
		{"alice", "member", ReadRows, refusal.CodeForbidden},
		{"alice", "nobody", ReadStatus, refusal.CodeForbidden},
		{"bob", "ward_admin", ReadStatus, refusal.CodeNotFound},
		{"bob", "province_admin", ReadStatus, refusal.CodeNotFound},
		{"bob", "information_officer", ReadStatus, refusal.CodeNotFound},
		{"bob", "national_admin", ReadRows, ""},
		{"bob", "national_admin", Approve, ""},
		{"bob", "national_admin", Write, refusal.CodeForbidden},
		{"", "super_admin", ReadStatus, refusal.CodeForbidden},
	} {
		who := policy.Identify(events.User{ID: c.id, Role: c.role}, Places{Wards: []string{"79800001"}})
		if got := codeOf(who.MayOn(c.want, job)); got != c.code {
			t.Errorf("%s as %s may %s: %q, want %q", c.id, c.role, c.want, got, c.code)
		}
	}
}

func TestContain(t *testing.T) {
	ward := events.Area{Level: events.AreaWard, Codes: []string{"79800001"}}
	municipality := events.Area{Level: events.AreaMunicipality, Codes: []string{"JHB"}}
	known := events.Area{Level: events.AreaMunicipality, Codes: []string{"JHB"}, Wards: []string{"79800001"}}
	province := events.Area{Level: events.AreaProvince, Codes: []string{"GP"}}
	for _, c := range []struct {
		name  string
		area  events.Area
		place Place
		want  bool
	}{
		{"nowhere", events.Area{}, Place{Ward: "79800001"}, false},
		{"country", events.Country(), Place{}, true},
		{"the ward", ward, Place{Ward: "79800001"}, true},
		{"another ward", ward, Place{Ward: "79800002"}, false},
		{"no ward", ward, Place{Municipality: "JHB"}, false},
		{"the municipality", municipality, Place{Municipality: "jhb - City of Johannesburg"}, true},
		{"another municipality", municipality, Place{Municipality: "CPT - Cape Town"}, false},
		{"a ward that nobody knows", municipality, Place{Ward: "79800001"}, false},
		{"a ward that is known", known, Place{Ward: "79800001"}, true},
		{"another ward under the same name", known, Place{Ward: "19100001", Municipality: "JHB"}, false},
		{"the ward under another name", known, Place{Ward: "79800001", Municipality: "CPT"}, false},
		{"the province's name", province, Place{Province: "Gauteng"}, true},
		{"the province's number", province, Place{Province: "3"}, true},
		{"another province", province, Place{Province: "Western Cape"}, false},
		{"a made-up province", province, Place{Province: "Gautengx"}, false},
		{"a level without codes", events.Area{Level: events.AreaProvince}, Place{Province: "GP"}, false},
	} {
		if got := NewBounds(c.area).Contain(c.place); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestCovers(t *testing.T) {
	area := func(level events.AreaLevel, wards []string, codes ...string) events.Area {
		return events.Area{Level: level, Codes: codes, Wards: wards}
	}
	gp := area(events.AreaProvince, []string{"1", "2"}, "GP")
	for _, c := range []struct {
		name     string
		a, other events.Area
		want     bool
	}{
		{"country covers nowhere", events.Country(), events.Area{}, true},
		{"nowhere covers nothing", events.Area{}, events.Area{}, false},
		{"province covers itself", gp, gp, true},
		{"province covers no country", gp, events.Country(), false},
		{"province covers its ward", gp, area(events.AreaWard, nil, "1"), true},
		{"province covers no other ward", gp, area(events.AreaWard, nil, "1", "3"), false},
		{"province covers its municipality", gp, area(events.AreaMunicipality, []string{"2"}, "JHB"), true},
		{"a municipality of unknown wards", gp, area(events.AreaMunicipality, nil, "JHB"), false},
		{"a municipality covers no province", area(events.AreaMunicipality, []string{"1", "2"}, "JHB"), gp, false},
	} {
		if got := Covers(c.a, c.other); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestBadPoliciesAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty":             `{}`,
		"unknown field":     `{"roles":{"a":{"area":"ward","may":[],"can":[]}}}`,
		"permission":        `{"roles":{"a":{"area":"ward","may":["fly"]}}}`,
		"write of others":   `{"roles":{"a":{"area":"ward","others":["write"]}}}`,
		"approve of own":    `{"roles":{"a":{"area":"ward","may":["approve"]}}}`,
		"level":             `{"roles":{"a":{"area":"planet"}}}`,
		"null":              `{"roles":{"a":null}}`,
		"twice":             `{"roles":{"a":{"area":""},"A":{"area":""}}}`,
		"alias of nothing":  `{"roles":{"a":{"area":""}},"aliases":{"b":"c"}}`,
		"alias is a role":   `{"roles":{"a":{"area":""},"b":{"area":""}},"aliases":{"b":"a"}}`,
		"four eyes":         `{"roles":{"a":{"area":""}},"four_eyes":["look"]}`,
		"text after it":     `{"roles":{"a":{"area":""}}} x`,
		"not JSON":          `roles:`,
		"a role of no name": `{"roles":{"":{"area":""}}}`,
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}
