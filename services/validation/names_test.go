package validation

import (
	"strings"
	"testing"

	"rollcall.example/events/records"
	"rollcall.example/services/workbook"
)

func TestFullNamesAreSplit(t *testing.T) {
	for text, want := range map[string]nameParts{
		"Thandi Nkosi":                     {"Thandi", "Nkosi"},
		"Thandi Grace Nkosi":               {"Thandi Grace", "Nkosi"},
		"Pieter van der Merwe":             {"Pieter", "van der Merwe"},
		"JOHANNA MARIA VAN DEN HEEVER":     {"JOHANNA MARIA", "VAN DEN HEEVER"},
		"Anna du Toit":                     {"Anna", "du Toit"},
		"Jan le Roux":                      {"Jan", "le Roux"},
		"Koos de la Rey":                   {"Koos", "de la Rey"},
		"Piet Janse van Rensburg":          {"Piet", "Janse van Rensburg"},
		"Maria Jansen van Vuuren":          {"Maria", "Jansen van Vuuren"},
		"NKOSI, Thandi Grace":              {"Thandi Grace", "NKOSI"},
		"van der Merwe, Pieter Johannes":   {"Pieter Johannes", "van der Merwe"},
		"Nkosi,Mr Thabo":                   {"Thabo", "Nkosi"},
		"Mr. Thabo Nkosi":                  {"Thabo", "Nkosi"},
		"Dr Mev A.B. Botha":                {"A.B.", "Botha"},
		"T Nkosi":                          {"T", "Nkosi"},
		"Nkosi T":                          {"T", "Nkosi"},
		"van Wyk P.J.":                     {"P.J.", "van Wyk"},
		"van der Merwe Pieter":             {"Pieter", "van der Merwe"},
		"Thandi Nkosi-Dlamini":             {"Thandi", "Nkosi-Dlamini"},
		"Thandi Nkosi - Dlamini":           {"Thandi", "Nkosi - Dlamini"},
		"Thabo Nkosi Jnr":                  {"Thabo", "Nkosi Jnr"},
		"Thandi Nkosi (Pinky)":             {"Thandi", "Nkosi"},
		"Van Wyk":                          {"", "Van Wyk"},
		"Thandi":                           {"Thandi", ""},
		"Thandi,":                          {"Thandi", ""},
		", Thandi Nkosi":                   {"Thandi", "Nkosi"},
		"De Villiers":                      {"De", "Villiers"},
		"Nomvula Zoë Müller":               {"Nomvula Zoë", "Müller"},
		"Mr":                               {"", ""},
		"12 - 7":                           {"", ""},
		"":                                 {"", ""},
		"Thandi \u00a0 Nkosi":              {"Thandi", "Nkosi"},
		"Mokoena, Thandi, Grace":           {"Thandi, Grace", "Mokoena"},
		"Ntate Joseph Motlalepula Mokoena": {"Joseph Motlalepula", "Mokoena"},
	} {
		if got := splitName(text, false); got != want {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
	for text, want := range map[string]nameParts{
		"Nkosi Thandi Grace":      {"Thandi Grace", "Nkosi"},
		"van der Merwe Pieter":    {"Pieter", "van der Merwe"},
		"de Villiers Anna":        {"Anna", "de Villiers"},
		"Janse van Rensburg Piet": {"Piet", "Janse van Rensburg"},
		"Nkosi - Dlamini Thandi":  {"Thandi", "Nkosi - Dlamini"},
		"Nkosi TS":                {"TS", "Nkosi"},
		"Nkosi":                   {"Nkosi", ""},
	} {
		if got := splitName(text, true); got != want {
			t.Errorf("with the surname first %q is %+v, want %+v", text, got, want)
		}
	}
}

// A full name is split only as far as nothing else gives the parts.
func TestPartsOfAFullNameComeFromWhereTheyStand(t *testing.T) {
	const id = "8001015009087"
	for name, test := range map[string]struct {
		header, row string
		want        string // first name, surname, full name
		guessed     string
		warnings    string
	}{
		"full names alone": {"id_number,full_name", "Thandi Nkosi", "Thandi|Nkosi|Thandi Nkosi", "firstname surname",
			"name_split"},
		"one word": {"id_number,full_name", "Thandi", "Thandi||Thandi", "firstname", "surname_missing"},
		"nothing":  {"id_number,full_name", "", "||", "", ""},
		"all parts": {"id_number,full_name,firstname,surname", "T. G. Nkosi,Thandi,Nkosi", "Thandi|Nkosi|T. G. Nkosi",
			"", ""},
		"parts blank in this row": {"id_number,full_name,firstname,surname", "Thandi Nkosi,,", "Thandi|Nkosi|Thandi Nkosi",
			"firstname surname", "name_split"},
		"given names beside a surname": {"id_number,full_name,surname", "Thandi Grace,Nkosi",
			"Thandi Grace|Nkosi|Thandi Grace", "firstname", ""},
		"all names beside a surname": {"id_number,full_name,surname", "Anna van der Merwe,VAN DER MERWE",
			"Anna|VAN DER MERWE|Anna van der Merwe", "firstname", "name_split"},
		"surname first beside a surname": {"id_number,full_name,surname", "Nkosi Thandi,Nkosi",
			"Thandi|Nkosi|Nkosi Thandi", "firstname", "name_split"},
		"all names beside a first name": {"id_number,full_name,firstname", "Thandi Grace Nkosi,Thandi",
			"Thandi|Nkosi|Thandi Grace Nkosi", "surname", "name_split"},
		"one word beside a first name": {"id_number,full_name,firstname", "Thandi,Thandi", "Thandi||Thandi", "",
			"surname_missing"},
		"a surname in the cell": {"id_number,full_name,firstname", "Pieter van Wyk,Pieter",
			"Pieter|van Wyk|Pieter van Wyk", "surname", "name_split"},
		"a header that puts the surname first": {"id_number,Surname & Names=full_name", "Nkosi Thandi",
			"Thandi|Nkosi|Nkosi Thandi", "firstname surname", "name_split"},
		"in Afrikaans": {"id_number,VAN EN VOORLETTERS=full_name", "De Wet AB", "AB|De Wet|De Wet AB",
			"firstname surname", "name_split"},
		"Name alone": {"id_number,Name=firstname", "Thandi", "Thandi||", "", ""},
		"Name with all names": {"id_number,Name=firstname", "Thandi Nkosi", "Thandi|Nkosi|Thandi Nkosi",
			"firstname surname", "name_split"},
		"Name that a person says is the first": {"id_number,Name=mapped firstname", "Thandi Grace",
			"Thandi Grace||", "", ""},
		"Firstname with two names": {"id_number,Firstname=firstname", "Thandi Grace", "Thandi Grace||", "", ""},
		"Name beside a surname": {"id_number,Name=firstname,surname", "Thandi Grace,",
			"Thandi Grace||", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := workbook.Header{Row: 3, Fields: map[string]int{}}
			for i, column := range strings.Split(test.header, ",") {
				text, field, ok := strings.Cut(column, "=")
				if !ok {
					field = text
				}
				if field, ok = strings.CutPrefix(field, "mapped "); ok {
					h.Mapped = map[int]bool{i: true}
				}
				h.Columns, h.Fields[field] = append(h.Columns, text), i
			}
			row := textRow(4, append([]string{id}, strings.Split(test.row, ",")...)...)
			got := judgeAll(t, Settings{Header: h, UploadedAt: uploadTime}, func(yield func(workbook.Row) bool) { yield(row) })
			if len(got.rows) != 1 {
				t.Fatalf("%+v", got)
			}
			r := got.rows[0]
			if names := r.Fields["firstname"] + "|" + r.Fields["surname"] + "|" + r.Fields["full_name"]; names != test.want {
				t.Errorf("names %q, want %q", names, test.want)
			}
			if guessed := strings.Join(r.Guessed, " "); guessed != test.guessed {
				t.Errorf("guessed %q, want %q", guessed, test.guessed)
			}
			if codes := warningCodes(r.Warnings); codes != test.warnings {
				t.Errorf("warnings %+v, want %q", r.Warnings, test.warnings)
			}
			for _, w := range r.Warnings {
				if w.Field != "full_name" || !strings.HasSuffix(w.Message, ".") {
					t.Errorf("warning %+v", w)
				}
			}
		})
	}
}

func warningCodes(warnings []records.Warning) string {
	var codes []string
	for _, w := range warnings {
		codes = append(codes, w.Code)
	}
	return strings.Join(codes, " ")
}

func FuzzSplitName(f *testing.F) {
	for _, text := range []string{"Thandi Nkosi", "van, van", "- - -", "Mr (x)", "Janse van", "A. B.", ",,,"} {
		f.Add(text, false)
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, text string, surnameFirst bool) {
		parts := splitName(text, surnameFirst)
		for _, part := range []string{parts.first, parts.surname} {
			for word := range strings.FieldsSeq(part) {
				if !strings.Contains(text, strings.TrimSuffix(word, ",")) {
					t.Fatalf("%q of %+v does not stand in %q", word, parts, text)
				}
			}
		}
	})
}
