package wards

import (
	"slices"
	"testing"

	"rollcall.example/events"
	"rollcall.example/services/postgres/postgrestest"
)

func TestTheWardsOfAnArea(t *testing.T) {
	db := postgrestest.New(t)
	find := func(level events.AreaLevel, codes ...string) []string {
		t.Helper()
		list, err := Of(t.Context(), db, events.Area{Level: level, Codes: codes})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if got := find(events.AreaProvince, "GP"); got != nil {
		t.Errorf("without a directory: %v", got)
	}
	if err := Replace(t.Context(), db, []Region{
		{Ward: "79800002", Municipality: "JHB", Province: "GP"}, {Ward: "79800001", Municipality: "JHB", Province: "GP"},
		{Ward: "79900001", Municipality: "TSH", Province: "GP"}, {Ward: "10100001", Municipality: "WC015"},
		{Ward: "59500001", SubRegion: "North"},
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		level events.AreaLevel
		codes []string
		want  []string
	}{
		{events.AreaProvince, []string{"GP"}, []string{"79800001", "79800002", "79900001"}},
		{events.AreaMunicipality, []string{"JHB"}, []string{"79800001", "79800002"}},
		{events.AreaMunicipality, []string{"WC015", "TSH"}, []string{"10100001", "79900001"}},
		{events.AreaProvince, []string{"WC"}, nil},
		// What is known of one of them would make all of the other lie outside.
		{events.AreaProvince, []string{"GP", "WC"}, nil},
		{events.AreaWard, []string{"79800001"}, nil},
		{events.AreaCountry, nil, nil},
		{events.AreaNowhere, nil, nil},
		{events.AreaProvince, nil, nil},
	} {
		got := find(c.level, c.codes...)
		if !slices.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%s %v: %v", c.level, c.codes, got)
		}
	}
}
