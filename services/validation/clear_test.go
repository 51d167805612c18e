package validation

import (
	"slices"
	"testing"

	"rollcall.example/events"
	"rollcall.example/services/workbook"
)

func TestIsClearMarker(t *testing.T) {
	for _, text := range []string{"(clear)", " (Clear) ", "(CLEAR)", "( clear )",
		"\u00a0(clear)\u200b", "（clear）", "(cle\u00adar)"} {
		if !isClearMarker(text) {
			t.Errorf("%q is no marker", text)
		}
	}
	for _, text := range []string{"", "clear", "(clear", "12 Clear Road (clear)", "(cleared)", "()"} {
		if isClearMarker(text) {
			t.Errorf("%q is a marker", text)
		}
	}
}

// The marker empties a field where the upload allows it, and is a value nowhere.
func TestTheMarkerIsNeverAValue(t *testing.T) {
	header := []string{"id_number", "firstname", "email", "ward", "age", "last_payment", "expiry_date", "occupation",
		"date_joined", "gender"}
	fields := make(map[string]int)
	for i, field := range header {
		fields[field] = i
	}
	set := Settings{Header: workbook.Header{Row: 3, Columns: header, Fields: fields}, UploadedAt: uploadTime}
	row := func() workbook.Row {
		return textRow(4, "8001015009087", "(clear)", "(clear)", " (Clear)", "(clear)", "2025-01-31", "(clear)", "(clear)",
			"(clear)",
			"Male")
	}
	for _, allow := range []bool{false, true} {
		set.AllowClear = allow
		got := judgeAll(t, set, slices.Values([]workbook.Row{row()}))
		if len(got.rows) != 1 {
			t.Fatalf("%+v", got)
		}
		r := got.rows[0]
		want, warned := []string{"email", "ward", "age", "expiry_date", "occupation"}, []string{"firstname", "date_joined"}
		expiry := ""
		if !allow {
			// All of them count as blank, so that the date of expiry is computed.
			want, warned, expiry = nil, append(want, warned...), "2027-01-31"
		}
		if !slices.Equal(slices.Sorted(slices.Values(r.Clear)), slices.Sorted(slices.Values(want))) {
			t.Errorf("allowed %v: clears %v", allow, r.Clear)
		}
		var of []string
		for _, w := range r.Warnings {
			if w.Code == WarnClear {
				of = append(of, w.Field)
			}
		}
		if !slices.Equal(slices.Sorted(slices.Values(of)), slices.Sorted(slices.Values(warned))) {
			t.Errorf("allowed %v: warns of %v", allow, of)
		}
		if r.Fields["last_payment"] != "2025-01-31" || r.Fields["gender"] != "Male" || r.Fields["expiry_date"] != expiry {
			t.Errorf("allowed %v: %v", allow, r.Fields)
		}
		for field, value := range r.Fields {
			if isClearMarker(value) || slices.Contains(r.Clear, field) {
				t.Errorf("%s is %q", field, value)
			}
		}
	}
}

// A row whose ID number is to be emptied is nobody's, and a row that empties what says
// where it lies is outside of an area.
func TestTheIDNumberAndThePlaceOfAnAreaCannotBeCleared(t *testing.T) {
	set := Settings{Header: workbook.Header{Row: 3, Columns: []string{"ID", "Ward"},
		Fields: map[string]int{"id_number": 0, "ward": 1}}, UploadedAt: uploadTime, AllowClear: true,
		Area: &events.Area{Level: events.AreaWard, Codes: []string{"79800001"}}}
	got := judgeAll(t, set, slices.Values([]workbook.Row{
		textRow(4, "(clear)", "79800001"), textRow(5, "8001015009087", "(clear)"),
	}))
	if len(got.rows) != 0 || len(got.rejects) != 2 || got.rejects[0].Code != "format" ||
		got.rejects[1].Code != "out_of_area" {
		t.Errorf("%+v", got)
	}
}
