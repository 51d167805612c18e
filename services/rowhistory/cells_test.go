package rowhistory

import (
	"slices"
	"testing"

	"rollcall.example/events/records"
)

// Whatever code a row was rejected with, the history names the rule that failed.
func TestEachRejectFailsARule(t *testing.T) {
	for _, code := range []string{
		records.RejectMissing, records.RejectFormat, records.RejectChecksum, records.RejectDate,
		records.RejectOutOfArea, records.RejectDuplicate,
	} {
		var h History
		h.addRules(&records.RejectedRow{Code: code, Message: "why"})
		failed := ""
		for _, rule := range h.Rules {
			if rule.Answer == "failed" && rule.Message == "why" {
				failed = rule.Rule
			}
		}
		if failed != code {
			t.Errorf("rejected for %s, but the rules are %+v", code, h.Rules)
		}
	}
}

// What no cell of its own gave is told beside the cells, which keep their texts.
func TestGuessedFieldsAreTold(t *testing.T) {
	var h History
	h.addCells(records.Header{Columns: []string{"ID", "Names", "DOB"},
		Fields: map[string]int{"id_number": 0, "full_name": 1, "date_of_birth": 2}},
		&records.Row{ID: "8001015009087", Cells: []string{"8001015009087", "Thandi Nkosi", "2/1/1980"},
			Guessed: []string{"firstname", "surname", "date_of_birth"}, Fields: map[string]string{
				"full_name": "Thandi Nkosi", "firstname": "Thandi", "surname": "Nkosi", "date_of_birth": "1980-01-01"}}, nil)
	want := []Guess{{"firstname", "Thandi"}, {"surname", "Nkosi"}, {"date_of_birth", "1980-01-01"}}
	if !slices.Equal(h.Guessed, want) || len(h.Cells) != 3 || h.Cells[2].Text != "2/1/1980" ||
		h.Cells[1].Value != "Thandi Nkosi" {
		t.Errorf("%+v", h)
	}
}

// Columns of a sheet without a header have the letters that the mapping names.
func TestColumnsWithoutAHeaderAreNamedByLetter(t *testing.T) {
	h := History{NoHeader: true}
	h.addCells(records.Header{Columns: []string{"ID Number", "", "Surname"},
		Fields: map[string]int{"id_number": 0, "surname": 2}},
		&records.Row{ID: "8001015009087", Cells: []string{"8001015009087", "x", "Nkosi", "", "y"},
			Fields: map[string]string{"surname": "Nkosi"}}, nil)
	var names []string
	for _, c := range h.Cells {
		names = append(names, c.Column+" "+c.Field)
	}
	if !slices.Equal(names, []string{"A id_number", "B ", "C surname", "E "}) {
		t.Errorf("%q", names)
	}
}
