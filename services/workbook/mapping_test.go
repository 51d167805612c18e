package workbook

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
	"rollcall.example/events/mappings"
	"rollcall.example/events/refusal"
)

// barRows splits the cells of rows at bars.
func barRows(rows ...string) (cells [][]string) {
	for _, row := range rows {
		cells = append(cells, strings.Split(row, "|"))
	}
	return cells
}

// rollMapped reads a file with a mapping, and again as the fact has it.
func rollMapped(t testing.TB, data []byte, mapping string) (*Sheet, Header, *events.Mapping, error) {
	t.Helper()
	m, err := mappings.Parse(mapping)
	if err != nil {
		return nil, Header{}, nil, err
	}
	file, err := Open(t.Context(), bytes.NewReader(data), int64(len(data)), Budget{})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	sheet, header, said, err := file.RollMapped(readColumns(t), m)
	if err != nil {
		return nil, header, nil, err
	}
	again, then, err := file.RollAt(readColumns(t), said)
	if err != nil || again != sheet || !sameHeader(header, then) {
		t.Errorf("%s: a replay has %+v, %v; not %+v", mapping, then, err, header)
	}
	return sheet, header, said, nil
}

func sameHeader(a, b Header) bool {
	return a.Row == b.Row && a.None == b.None && slices.Equal(a.Columns, b.Columns) && maps.Equal(a.Fields, b.Fields) &&
		maps.Equal(a.Twice, b.Twice) && maps.Equal(a.LeftOut, b.LeftOut) && (a.Guess == nil) == (b.Guess == nil)
}

func TestAMappingSaysWhatColumnsAre(t *testing.T) {
	const id = "8001015009087"
	for name, c := range map[string]struct {
		rows    []string
		mapping string
		row     int
		fields  map[string]int
		leftOut []int
		twice   map[int]int
	}{
		"headers that nobody knows": {
			rows:    []string{"Qwx|Zzy|Surname", id + "|0821234567|A"},
			mapping: `{"Qwx": "id_number", "zzy!": "cell_number"}`, row: 1,
			fields: map[string]int{"id_number": 0, "cell_number": 1, "surname": 2},
		},
		"a mapped column wins over the header that means the field": {
			rows:    []string{"ID Number|Other|Surname", id + "|9001010001088|A"},
			mapping: `{"Other": "id_number"}`, row: 1,
			fields: map[string]int{"id_number": 1, "surname": 2}, twice: map[int]int{0: 1},
		},
		"what is left out makes room for another": {
			rows:    []string{"ID Number|Cell Number|Cellphone", id + "|x|0821234567"},
			mapping: `{"Cell Number": null}`, row: 1,
			fields: map[string]int{"id_number": 0, "cell_number": 2}, leftOut: []int{1},
		},
		"a column keeps only what is said of it": {
			rows:    []string{"ID Number|Cell Number", id + "|A"},
			mapping: `{"Cell Number": "surname"}`, row: 1,
			fields: map[string]int{"id_number": 0, "surname": 1},
		},
		"letters, where no header is so named": {
			rows:    []string{"|B|Surname", id + "|0821234567|A"},
			mapping: `{"A": "id_number", "B": "cell_number", "c": "firstname"}`, row: 1,
			fields: map[string]int{"id_number": 0, "cell_number": 1, "firstname": 2},
		},
		"a header named as a letter goes before the column": {
			rows:    []string{"C|ID Number|Surname", "x|" + id + "|A"},
			mapping: `{"C": "firstname"}`, row: 1,
			fields: map[string]int{"id_number": 1, "firstname": 0, "surname": 2},
		},
		"a header spelled exactly goes before one that is alike": {
			rows:    []string{"ID Number|Q-1|Q1", id + "|x|y"},
			mapping: `{"Q1": "firstname"}`, row: 1,
			fields: map[string]int{"id_number": 0, "firstname": 2},
		},
		"the header is the row that the mapping names": {
			rows:    []string{"Branch roll", "Surname|Name", "Qwx|Zzy", id + "|A"},
			mapping: `{"Qwx": "id_number", "Zzy": "surname"}`, row: 3,
			fields: map[string]int{"id_number": 0, "surname": 1},
		},
		"a mapped Name stays what it is said to be beside Firstname": {
			rows:    []string{"ID Number|Name|Firstname", id + "|A|B"},
			mapping: `{"Name": "firstname"}`, row: 1,
			fields: map[string]int{"id_number": 0, "firstname": 1}, twice: map[int]int{2: 1},
		},
		"headers of signs": {
			rows:    []string{"#|%|ID Number", "1|A|" + id},
			mapping: `{"#": null, "%": "surname"}`, row: 1,
			fields: map[string]int{"id_number": 2, "surname": 1}, leftOut: []int{0},
		},
		"two rows, named by the lower": {
			rows:    []string{"Qwx|Contact|", "|Wire|Wire 2", id + "|0821234567|x"},
			mapping: `{"Qwx": "id_number", "Wire": "cell_number"}`, row: 2,
			fields: map[string]int{"id_number": 0, "cell_number": 1},
		},
		"every column of a name is left out": {
			rows:    []string{"ID Number|Note|Note", id + "|a|b"},
			mapping: `{"Note": null}`, row: 1,
			fields: map[string]int{"id_number": 0}, leftOut: []int{1, 2},
		},
		"a guessed ID column beside a mapped one": {
			rows:    []string{"Qwx|Zzy", id + "|A", "9001010001088|B"},
			mapping: `{"Zzy": "surname"}`, row: 1,
			fields: map[string]int{"id_number": 0, "surname": 1},
		},
		"a letter behind the header": {
			rows:    []string{"Surname|Name", "A|B|" + id},
			mapping: `{"C": "id_number"}`, row: 1,
			fields: map[string]int{"surname": 0, "firstname": 1, "id_number": 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, h, _, err := rollMapped(t, buildBook(t, barRows(c.rows...)...), c.mapping)
			if err != nil {
				t.Fatal(err)
			}
			leftOut := slices.Sorted(maps.Keys(h.LeftOut))
			if h.Row != c.row || !maps.Equal(h.Fields, c.fields) || !slices.Equal(leftOut, c.leftOut) ||
				!maps.Equal(h.Twice, c.twice) {
				t.Errorf("row %d, fields %v, left out %v, twice %v", h.Row, h.Fields, leftOut, h.Twice)
			}
		})
	}
}

func TestAMappingThatDoesNotFitIsRefusedWithTheNames(t *testing.T) {
	const id = "8001015009087"
	rows := []string{"ID Number|Note|Note|N-1|N.1", id + "|x|y|z|z"}
	for mapping, want := range map[string]struct {
		reason string
		names  []string
	}{
		`{"Nought": "surname", "Note 3": null}`:      {mappings.ReasonNoHeader, []string{"Nought", "Note 3"}},
		`{"ZZ": "surname"}`:                          {mappings.ReasonNoHeader, []string{"ZZ"}},
		`{"800101 5009 087": "surname"}`:             {mappings.ReasonNoHeader, []string{"800101*****87"}},
		`{"Note": "surname"}`:                        {mappings.ReasonHeaderTwice, []string{"Note"}},
		`{"n1": "surname"}`:                          {mappings.ReasonHeaderTwice, []string{"n1"}},
		`{"A": "surname", "ID Number": "id_number"}`: {mappings.ReasonHeaderTwice, []string{"A", "ID Number"}},
	} {
		_, _, _, err := rollMapped(t, buildBook(t, barRows(rows...)...), mapping)
		r, ok := errors.AsType[*refusal.Error](err)
		if !ok || r.Code != refusal.CodeBadMapping || r.Details["reason"] != want.reason {
			t.Errorf("%s: %v", mapping, err)
			continue
		}
		if got := r.Details["names"].([]string); !slices.Equal(got, want.names) {
			t.Errorf("%s: names %q, not %q", mapping, got, want.names)
		}
	}
}

// A file that is no roll is said to be none, and not that the mapping is wrong.
func TestAMappingMakesNoRollOfAFile(t *testing.T) {
	for name, c := range map[string]struct {
		rows          []string
		mapping, code string
	}{
		"no rows":          {[]string{"Qwx|Zzy"}, `{"Qwx": "id_number"}`, refusal.CodeNoRows},
		"nothing":          {[]string{""}, `{"Qwx": "id_number"}`, refusal.CodeNoRows},
		"no ID column":     {[]string{"Qwx|Zzy", "a|b"}, `{"Qwx": "surname"}`, refusal.CodeNoIDColumn},
		"it is left out":   {[]string{"ID Number|Zzy", "8001015009087|b"}, `{"ID Number": null}`, refusal.CodeNoIDColumn},
		"by its letter":    {[]string{"ID Number|Zzy", "8001015009087|b"}, `{"A": null}`, refusal.CodeNoIDColumn},
		"is another field": {[]string{"ID Number|Zzy", "8001015009087|b"}, `{"A": "age"}`, refusal.CodeNoIDColumn},
	} {
		_, _, _, err := rollMapped(t, buildBook(t, barRows(c.rows...)...), c.mapping)
		if r, ok := errors.AsType[*refusal.Error](err); !ok || r.Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The mapping is for the first sheet that it fits, also behind one that has ID numbers.
func TestAMappingIsForTheSheetThatIsTaken(t *testing.T) {
	rows := map[string][][]string{
		"notes": barRows("Read me|Twice", "first|of all"),
		"roll":  barRows("Qwx|Name", "8001015009087|A"),
		"other": barRows("ID Number|Zzy", "8001015009087|A"),
	}
	book := func(sheets ...string) []byte {
		file := xlsx.NewFile()
		for _, name := range sheets {
			addSheet(t, file, name, rows[name]...)
		}
		return saveBook(t, file)
	}
	sheet, _, said, err := rollMapped(t, book("notes", "roll", "other"), `{"Qwx": "id_number"}`)
	if err != nil || sheet.Name != "roll" || said.Sheet != 2 {
		t.Errorf("%+v, %v", said, err)
	}
	sheet, _, _, err = rollMapped(t, book("notes", "roll"), `{"A": "id_number"}`)
	if err != nil || sheet.Name != "roll" {
		t.Errorf("by a letter: %v", err)
	}
	sheet, _, said, err = rollMapped(t, book("other", "roll"), `{"Name": "firstname"}`)
	if err != nil || sheet.Name != "roll" || said.Sheet != 2 {
		t.Errorf("behind a sheet with ID numbers: %+v, %v", said, err)
	}
	_, _, _, err = rollMapped(t, book("other", "roll"), `{"Zzy": "firstname", "Name": "surname"}`)
	if r, ok := errors.AsType[*refusal.Error](err); !ok || r.Code != refusal.CodeBadMapping {
		t.Errorf("headers of two sheets: %v", err)
	}
}

func TestWhatIsSaidOfColumnsHasNoIDNumber(t *testing.T) {
	rows := []string{"Of 8001015009087|Name", "9001010001088|A"}
	_, h, said, err := rollMapped(t, buildBook(t, barRows(rows...)...), `{"of 8001015009087": "id_number", "Name": null}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []events.MappedColumn{
		{Letter: "A", Name: "Of 800101*****87", Field: "id_number"}, {Letter: "B", Name: "Name"},
	}
	if !slices.Equal(said.Columns, want) || h.Fields["id_number"] != 0 {
		t.Errorf("%+v", said)
	}
}

func TestAMappingFitsAHeader(t *testing.T) {
	h := Header{Columns: []string{"Identity No.", "", "Surname"}}
	for text, want := range map[string]bool{
		`{"identity no": "id_number"}`:                true,
		`{"Identity No.": "id_number", "B": null}`:    true,
		`{"A": "id_number"}`:                          false,
		`{"Identity No.": "id_number", "Cell": null}`: false,
		`{}`: false,
	} {
		m, err := mappings.Parse(text)
		if err != nil || h.Fits(m) != want {
			t.Errorf("%s: %v, %v", text, !want, err)
		}
	}
}

// FuzzMapping reads a workbook with any mapping: it is refused, or reads the same again.
func FuzzMapping(f *testing.F) {
	for _, m := range []string{
		`{"Qwx":"id_number","Zzy":null}`, `{"A":"id_number"}`, `{"Qwx":"surname","Qwx ":"age"}`, `{"é":null,"a":"b"}`,
		`{"Qwx":"id_number"`, `[]`, `{"Contact Wire":"cell_number"}`,
	} {
		f.Add(m, "Qwx|Zzy|Contact", "8001015009087|A|Wire", "9001010001088|B|0821234567")
		f.Add(m, "8001015009087|A|Wire", "9001010001088|B|0821234567", "")
	}
	f.Fuzz(func(t *testing.T, mapping, first, second, third string) {
		m, err := mappings.Parse(mapping)
		if err != nil {
			if _, ok := errors.AsType[*refusal.Error](err); !ok {
				t.Fatal(err)
			}
			return
		}
		text := strings.ReplaceAll(strings.Join([]string{first, second, third}, "\n"), "|", ",")
		file, err := Open(t.Context(), strings.NewReader(text), int64(len(text)), Budget{})
		if err != nil {
			return
		}
		defer file.Close()
		_, header, said, err := file.RollMapped(readColumns(t), m)
		if err != nil {
			if _, ok := errors.AsType[*refusal.Error](err); !ok {
				t.Fatal(err)
			}
			return
		}
		_, again, err := file.RollAt(readColumns(t), said)
		if err != nil || !sameHeader(header, again) {
			t.Fatalf("%+v, then %+v, %v", header, again, err)
		}
		for _, e := range m {
			i, ok := header.Fields[e.Field]
			if e.Field != "" && (!ok || header.LeftOut[i]) {
				t.Fatalf("%q is no field of %+v", e, header)
			}
		}
		if said != nil {
			for _, c := range said.Columns {
				if events.HasID(c.Name) {
					t.Fatalf("%q has an ID number", c.Name)
				}
			}
		}
	})
}
