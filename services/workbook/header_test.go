package workbook

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

func newTextRow(n int, texts ...string) Row {
	row := Row{N: n}
	for _, text := range texts {
		row.Cells = append(row.Cells, Cell{Text: text})
	}
	return row
}

// searchHeader finds the header of a sheet, and refuses a sheet without one as
// File.Roll does.
func searchHeader(rows []Row, columns []schema.Column) (Header, error) {
	finder := newHeaderFinder(newHeaderIndex(columns))
	for _, row := range rows {
		finder.add(row)
	}
	header, known := finder.header()
	if header.Row == 0 {
		return header, refuseNoIDColumn(known, columns)
	}
	return header, nil
}

func TestEveryHeaderAndAliasIsFound(t *testing.T) {
	for _, column := range readColumns(t) {
		for _, text := range column.Names() {
			for _, spelling := range []string{text, strings.ToUpper(text), " " + strings.ReplaceAll(text, " ", "\n_") +
				": "} {
				row := newTextRow(1, spelling, "Id no.")
				if column.Field == "id_number" {
					row = newTextRow(1, spelling, "Shoe Size")
				}
				h, err := searchHeader([]Row{row}, readColumns(t))
				if got, ok := h.Fields[column.Field]; err != nil || !ok || got != 0 {
					t.Errorf("%q: fields %v, %v, want %s at 0", spelling, h.Fields, err, column.Field)
				}
			}
		}
	}
}

// The names that rolls are known to use. They stand here once more so that none
// gets lost.
func TestTheNamesInUseAreKnown(t *testing.T) {
	names := map[string][]string{
		"id_number":           {"ID Number", "ID", "ID No", "Identity Number", "RSA ID"},
		"firstname":           {"Firstname", "First Name"},
		"title":               {"Title"},
		"surname":             {"Surname", "Last Name"},
		"full_name":           {"Full Name", "Full Names", "Names", "Name & Surname"},
		"date_of_birth":       {"Date of Birth", "DOB"},
		"cell_number":         {"Cell Number", "Cellphone", "Mobile"},
		"landline_number":     {"Landline Number"},
		"email":               {"Email", "E-mail"},
		"residential_address": {"Residential Address", "Address"},
		"age":                 {"Age"},
		"gender":              {"Gender"},
		"race":                {"Race"},
		"citizenship":         {"Citizenship"},
		"language":            {"Language"},
		"occupation":          {"Occupation"},
		"qualification":       {"Qualification"},
		"province":            {"Province"},
		"region":              {"Region"},
		"district":            {"District"},
		"municipality":        {"Municipality"},
		"ward":                {"Ward", "Ward Code"},
		"voting_station":      {"Voting Station"},
		"voting_district":     {"Voting District", "VD", "VD Code"},
		"date_joined":         {"Date Joined"},
		"last_payment":        {"Last Payment"},
		"expiry_date":         {"Expiry Date"},
		"subscription":        {"Subscription"},
		"membership_amount":   {"Membership Amount", "Memebership Amount"},
		"status":              {"Status"},
	}
	if len(names) != len(readColumns(t)) {
		t.Errorf("%d columns, %d listed here", len(readColumns(t)), len(names))
	}
	for field, texts := range names {
		for i, text := range texts {
			row := []string{"Shoe Size", text, "ID"}
			if field == "id_number" {
				row = row[:2]
			}
			h, err := searchHeader([]Row{newTextRow(1, row...)}, readColumns(t))
			if at, ok := h.Fields[field]; err != nil || !ok || at != 1 {
				t.Errorf("%q: fields %v, %v", text, h.Fields, err)
			}
			for _, other := range texts[:i] {
				h, err := searchHeader([]Row{newTextRow(1, append(row, other)...)}, readColumns(t))
				if used, ok := h.Twice[len(row)]; err != nil || !ok || used != 1 {
					t.Errorf("%q and %q: twice %v, %v", text, other, h.Twice, err)
				}
			}
		}
	}
}

func TestFindHeader(t *testing.T) {
	rows := []Row{
		newTextRow(1, "Roll of the branch"),
		newTextRow(2, "ID:", "branch 7"),
		newTextRow(4, "No", "Surname", "ID Number", "", "Shoe Size", " "),
		newTextRow(5, "1", "A", "8001015009087"),
	}
	h, err := searchHeader(rows, readColumns(t))
	if err != nil {
		t.Fatal(err)
	}
	if h.Row != 4 || !slices.Equal(h.Columns, []string{"No", "Surname", "ID Number", "", "Shoe Size"}) {
		t.Errorf("header %+v", h)
	}
	if len(h.Fields) != 2 || h.Fields["id_number"] != 2 || h.Fields["surname"] != 1 {
		t.Errorf("fields %v", h.Fields)
	}
}

func TestHeaderFaultsNameTheHeaders(t *testing.T) {
	tests := map[string]struct {
		rows []Row
		code string
		says []string
	}{
		"no ID": {[]Row{newTextRow(1, "Surname", "Ward Code")}, refusal.CodeNoIDColumn,
			[]string{"Surname", "Ward Code", "Identity Number"}},
		"too far down": {[]Row{newTextRow(51, "ID", "Surname")}, refusal.CodeNoIDColumn, []string{"first 50 rows"}},
		"part of a text": {[]Row{newTextRow(1, "Valid", "Identification of the ID Number")}, refusal.CodeNoIDColumn,
			nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := searchHeader(test.rows, readColumns(t))
			wantCode(t, err, test.code)
			var refused *refusal.Error
			errors.As(err, &refused)
			for _, text := range test.says {
				if !strings.Contains(refused.Message, text) {
					t.Errorf("message %q does not name %q", refused.Message, text)
				}
			}
		})
	}
}

func TestAMissingHeaderQuotesNobody(t *testing.T) {
	_, err := searchHeader([]Row{newTextRow(1, "8001015009087", "Nomsa", "Dlamini")}, readColumns(t))
	wantCode(t, err, refusal.CodeNoIDColumn)
	var refused *refusal.Error
	errors.As(err, &refused)
	for _, text := range []string{"8001015009087", "Nomsa", "Dlamini"} {
		if strings.Contains(refused.Message, text) || strings.Contains(refused.Error(), text) {
			t.Errorf("the refusal quotes %s", text)
		}
	}
}

func TestRollFindsTheSheetWithAnIDColumn(t *testing.T) {
	file := xlsx.NewFile()
	addSheet(t, file, "Notes", []string{"Read this"})
	hidden := addSheet(t, file, "Old", []string{"ID"}, []string{"1"})
	hidden.Hidden = true
	addSheet(t, file, "Blank form", []string{"ID", "Name"})
	addSheet(t, file, "Members", []string{"Title"}, []string{"ID", "Name"}, []string{"", ""}, []string{"2", "B"})
	opened, err := openBytes(saveBook(t, file))
	if err != nil {
		t.Fatal(err)
	}
	sheet, header, err := opened.Roll(readColumns(t))
	if err != nil {
		t.Fatal(err)
	}
	if sheet.Name != "Members" || header.Row != 2 {
		t.Errorf("sheet %s, header in row %d", sheet.Name, header.Row)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add("ID Number", "Surname", "VD")
	f.Add("id", "RSA ID", "")
	f.Add(" I.D. ", "Ünïcode", "Ward\nCode")
	all := readColumns(f)
	index := newHeaderIndex(all)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		texts := []string{a, b, c}
		h, err := searchHeader([]Row{newTextRow(1, "Example"), newTextRow(2, texts...)}, all)
		if err != nil {
			var refused *refusal.Error
			if !errors.As(err, &refused) || refused.Message == "" {
				t.Fatalf("error %v has no code", err)
			}
			return
		}
		if h.Row != 2 || fmt.Sprint(Fold(h.Columns[h.Fields["id_number"]])) == "" {
			t.Fatalf("header %+v", h)
		}
		for field, i := range h.Fields {
			if got, _ := index.match(collapseSpaces(texts[i])); got != field {
				t.Fatalf("%q taken for %s, not %s", texts[i], field, got)
			}
		}
	})
}
