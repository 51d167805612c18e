package workbook

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// A sheet that begins with a member is read from its first row, where letters say what
// its columns are.
func TestASheetWithoutAHeader(t *testing.T) {
	const id, other = "8001015009087", "9001010001088"
	for name, c := range map[string]struct {
		rows    []string
		mapping string
		columns []string
		fields  map[string]int
		guessed bool
	}{
		"all columns": {
			rows:    []string{id + "|Thandi|Nkosi", other + "|Pieter|Nel"},
			mapping: `{"A": "id_number", "B": "firstname", "C": "surname"}`,
			columns: []string{"ID Number", "Firstname", "Surname"},
			fields:  map[string]int{"id_number": 0, "firstname": 1, "surname": 2},
		},
		"some, in lower case, and one left out": {
			rows:    []string{"1|Nkosi|x|" + id, "2|Nel|y|" + other},
			mapping: `{"d": "id_number", "b": "surname", "c": null}`,
			columns: []string{"", "Surname", "", "ID Number"},
			fields:  map[string]int{"id_number": 3, "surname": 1},
		},
		"one member": {
			rows: []string{id + "|Nkosi"}, mapping: `{"A": "id_number"}`,
			columns: []string{"ID Number"}, fields: map[string]int{"id_number": 0},
		},
		"below blank rows": {
			rows: []string{"", "", id + "|Nkosi"}, mapping: `{"A": "id_number"}`,
			columns: []string{"ID Number"}, fields: map[string]int{"id_number": 0},
		},
		"the first number is wrong": {
			rows: []string{"8001015009086|Nkosi", other + "|Nel"}, mapping: `{"A": "id_number", "B": "surname"}`,
			columns: []string{"ID Number", "Surname"}, fields: map[string]int{"id_number": 0, "surname": 1},
		},
		"all numbers are wrong": {
			rows: []string{"8001015009086|Nkosi", "9001010001|Nel"}, mapping: `{"A": "id_number", "B": "surname"}`,
			columns: []string{"ID Number", "Surname"}, fields: map[string]int{"id_number": 0, "surname": 1},
		},
		"the first number is missing": {
			rows:    []string{"|Nkosi|0821234567", other + "|Nel|0831234567"},
			mapping: `{"A": "id_number", "B": "surname", "C": "cell_number"}`,
			columns: []string{"ID Number", "Surname", "Cell Number"},
			fields:  map[string]int{"id_number": 0, "surname": 1, "cell_number": 2},
		},
		"spaces in the number, and a word of a header in a cell": {
			rows:    []string{"800101 5009 087|Ward|x@example.org", other + "|Male|"},
			mapping: `{"A": "id_number", "B": "surname"}`,
			columns: []string{"ID Number", "Surname"}, fields: map[string]int{"id_number": 0, "surname": 1},
		},
		"the ID column by what it holds": {
			rows: []string{"Nkosi|" + id, "Nel|" + other}, mapping: `{"A": "surname"}`,
			columns: []string{"Surname"}, fields: map[string]int{"id_number": 1, "surname": 0}, guessed: true,
		},
	} {
		text := strings.ReplaceAll(strings.Join(c.rows, "\n"), "|", ";")
		members := len(slices.DeleteFunc(slices.Clone(c.rows), func(row string) bool { return row == "" }))
		for form, data := range map[string][]byte{
			"xlsx": buildBook(t, barRows(c.rows...)...), "csv": []byte(text + "\n"),
		} {
			t.Run(name+" "+form, func(t *testing.T) {
				_, h, said, err := rollMapped(t, data, c.mapping)
				if err != nil {
					t.Fatal(err)
				}
				if !h.None || h.Row != 0 || said.Row != 0 || !said.NoHeader() || !slices.Equal(h.Columns, c.columns) ||
					!maps.Equal(h.Fields, c.fields) || (h.Guess != nil) != c.guessed || len(h.Twice) > 0 {
					t.Errorf("%+v, %+v", h, said)
				}
				for _, column := range said.Columns {
					if column.Name != "" {
						t.Errorf("column %s has the header %q", column.Letter, column.Name)
					}
				}
				file, err := openBytes(data)
				if err != nil {
					t.Fatal(err)
				}
				defer file.Close()
				sheet, _, err := file.RollAt(readColumns(t), said)
				if err != nil {
					t.Fatal(err)
				}
				rows := 0
				for row, err := range sheet.Rows() {
					if err != nil {
						t.Fatal(err)
					}
					if row.N > h.Row && !row.Blank() {
						rows++
					}
				}
				if rows != members {
					t.Errorf("%d rows, not %d", rows, members)
				}
			})
		}
	}
}

// A sheet with a header is read below it, whatever its names are and what stands above.
func TestLettersLeaveAHeaderWhatItIs(t *testing.T) {
	const id = "8001015009087"
	for name, c := range map[string]struct {
		rows    []string
		mapping string
		row     int
	}{
		"known names":           {[]string{"ID Number|Surname", id + "|A"}, `{"A": "id_number", "B": "surname"}`, 1},
		"names that none knows": {[]string{"Qwx|Zzy", id + "|A"}, `{"A": "id_number", "B": "surname"}`, 1},
		"a year in a name":      {[]string{"Qwx|Paid 2024", id + "|A"}, `{"A": "id_number", "B": "surname"}`, 1},
		"a number above": {
			[]string{"0123456789|Office", "ID Number|Surname", id + "|A"}, `{"A": "id_number"}`, 2},
		"a dated title above": {
			[]string{"|As at|2024-05-31", "Qwx|Zzy|Yyx", id + "|A|B"}, `{"A": "id_number", "B": "surname"}`, 2},
		"a header named as a letter": {[]string{"A|B", id + "|x"}, `{"A": "id_number", "B": "surname"}`, 1},
		"a name beside a letter":     {[]string{"Qwx|Zzy", id + "|x"}, `{"A": "id_number", "Zzy": "surname"}`, 1},
	} {
		_, h, said, err := rollMapped(t, buildBook(t, barRows(c.rows...)...), c.mapping)
		if err != nil || h.None || h.Row != c.row || said.Row != c.row {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

func TestAMappingThatNeedsAHeaderIsRefusedWithoutOne(t *testing.T) {
	const id = "8001015009087"
	for name, c := range map[string]struct{ rows, mapping, code string }{
		"no mapping":        {id + "|Nkosi", ``, refusal.CodeNoIDColumn},
		"a header's name":   {id + "|Nkosi", `{"A": "id_number", "Zzy": "surname"}`, refusal.CodeNoIDColumn},
		"a column too far":  {id + "|Nkosi", `{"A": "id_number", "H": "surname"}`, refusal.CodeBadMapping},
		"it leaves out IDs": {id + "|Nkosi", `{"A": null, "B": "surname"}`, refusal.CodeNoIDColumn},
	} {
		_, _, _, err := rollMapped(t, buildBook(t, barRows(c.rows, c.rows)...), c.mapping)
		if r, ok := errors.AsType[*refusal.Error](err); !ok || r.Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a fact says of a file that has no header is read as it says, whatever the file.
func TestAFactWithoutAHeaderNeedsAColumnOfIDs(t *testing.T) {
	m := &events.Mapping{Sheet: 1, Columns: []events.MappedColumn{{Letter: "A", Field: "surname"}}}
	file, err := openBytes([]byte("Nkosi;x\nNel;y\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, _, err = file.RollAt(readColumns(t), m)
	if r, ok := errors.AsType[*refusal.Error](err); !ok || r.Code != refusal.CodeNoIDColumn {
		t.Errorf("%v", err)
	}
}
