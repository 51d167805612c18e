package validation

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/services/workbook"
)

func TestRowsOutsideOfTheAreaAreRejected(t *testing.T) {
	const a, b, c = "8001015009087", "9001010001088", "8506155000084"
	rows := []workbook.Row{
		textRow(4, a, "79800001", "JHB - City of Johannesburg", "Gauteng"),
		textRow(5, b, "19100001", "CPT - City of Cape Town", "Western Cape"),
		textRow(6, c, "", "", ""),
		textRow(7, a, "19100001", "JHB", "GP"), // repeats row 4, and contradicts itself
		textRow(8, b, " 79800001.0 ", "", ""),  // repeats row 5, which lies outside
		textRow(9, "8001015009086", "19100001", "", ""),
		textRow(10, a, "79800001", "JHB", "Gauteng"),
		textRow(11, c, "7980", "jhb", "gauteng"), // the code cannot be read
	}
	area := func(level events.AreaLevel, code string, wards ...string) *events.Area {
		return &events.Area{Level: level, Codes: []string{code}, Wards: wards}
	}
	country := events.Country()
	for _, tt := range []struct {
		name    string
		area    *events.Area
		valid   []int
		rejects string
	}{
		{"none", nil, []int{4, 5, 6}, "7d 8d 9c 10d 11d"},
		{"country", &country, []int{4, 5, 6}, "7d 8d 9c 10d 11d"},
		{"ward", area(events.AreaWard, "79800001"), []int{4, 8}, "5o 6o 7o 9c 10d 11o"},
		{"municipality", area(events.AreaMunicipality, "JHB"), []int{4, 11}, "5o 6o 7d 8o 9c 10d"},
		{"municipality with its wards", area(events.AreaMunicipality, "JHB", "79800001"), []int{4, 8, 11},
			"5o 6o 7o 9c 10d"},
		{"province", area(events.AreaProvince, "GP"), []int{4, 11}, "5o 6o 7d 8o 9c 10d"},
		{"nowhere", &events.Area{}, nil, "4o 5o 6o 7o 8o 9c 10o 11o"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := []string{"id_number", "ward", "municipality", "province"}
			fields := map[string]int{"id_number": 0, "ward": 1, "municipality": 2, "province": 3}
			got := judgeAll(t, Settings{Header: workbook.Header{Row: 3, Columns: header, Fields: fields},
				UploadedAt: uploadTime, Area: tt.area}, slices.Values(rows))
			var valid []int
			for _, row := range got.rows {
				valid = append(valid, row.N)
			}
			var rejects []string
			outside := 0
			for _, r := range got.rejects {
				rejects = append(rejects, fmt.Sprint(r.N, r.Code[:1]))
				if r.Code == records.RejectOutOfArea {
					outside++
					if !strings.HasSuffix(r.Message, ".") || r.Cells[0] != rows[r.N-4].Cells[0].Text || r.ID != "" {
						t.Errorf("reject %+v", r)
					}
				}
			}
			if !slices.Equal(valid, tt.valid) || strings.Join(rejects, " ") != tt.rejects {
				t.Errorf("valid %v, rejects %q", valid, rejects)
			}
			s := got.stats
			if s.OutOfArea != outside || s.ValidIDs != s.ValidRecords+s.Duplicates+s.OutOfArea ||
				s.ValidRecords != len(valid) || s.TotalRecords != len(rows) || s.UniqueRecords != len(valid) {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// The sentence says which of the two it is.
func TestARowOutsideSaysWhy(t *testing.T) {
	for _, tt := range []struct {
		area events.Area
		row  workbook.Row
		want string
	}{
		{events.Area{Level: events.AreaWard, Codes: []string{"79800001"}}, textRow(4, "8001015009087", "79800002", ""),
			"The row lies outside of your area."},
		{events.Area{Level: events.AreaWard, Codes: []string{"79800001"}}, textRow(4, "8001015009087", "", "JHB"),
			"The row names no ward, so nobody can tell that it lies in your area."},
		{events.Area{Level: events.AreaMunicipality, Codes: []string{"JHB"}}, textRow(4, "8001015009087", "79800001", ""),
			"The row names no municipality, so nobody can tell that it lies in your area."},
		{events.Area{Level: events.AreaMunicipality, Codes: []string{"JHB"}, Wards: []string{"79800002"}},
			textRow(4, "8001015009087", "79800001", ""), "The row lies outside of your area."},
	} {
		got := judgeAll(t, Settings{Header: workbook.Header{Row: 3, Columns: []string{"id_number", "ward", "municipality"},
			Fields: map[string]int{"id_number": 0, "ward": 1, "municipality": 2}}, UploadedAt: uploadTime, Area: &tt.area},
			slices.Values([]workbook.Row{tt.row}))
		if len(got.rejects) != 1 || got.rejects[0].Message != tt.want {
			t.Errorf("%s: %+v, want %q", tt.area.Level, got.rejects, tt.want)
		}
	}
}
