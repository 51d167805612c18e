package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

func TestIsSame(t *testing.T) {
	for _, c := range []struct {
		text, other string
		date1904    bool
		want        bool
	}{
		{"Khumalo", `"Khumalo"`, false, true},
		{"Khumalo", `"Khumalo "`, false, false},
		{"0.3", `{"N": "0.30000000000000004"}`, false, true},
		{"8001015009087", `{"N": "8.001015009087E12"}`, false, true},
		{"8001015009087", `{"N": "8001015009088"}`, false, false},
		{"2024-05-06", `{"N": "45418"}`, false, true},
		{"2024-05-07", `{"N": "45418"}`, false, false},
		{"2024-05-06 12:00:00", `{"N": "45418.5"}`, false, true},
		{"2028-05-07", `{"N": "45418"}`, true, true},
		{"1900-01-31", `{"N": "31"}`, false, true},
		{"12:00:00", `{"N": "0.5"}`, false, true},
		{"13:00:00", `{"N": "0.5"}`, false, false},
		{"2024-05-06", `{"D": "2024-05-06T00:00:00"}`, false, true},
		{"2024-05-06 08:30:01", `{"D": "2024-05-06T08:30:00.999999"}`, false, true},
		{"2024-05-06", `{"D": "2024-06-05T00:00:00"}`, false, false},
		{"TRUE", `{"B": true}`, false, true},
		{"1", `{"B": true}`, false, false},
		{"TRUE", `{"N": "1"}`, false, false},
		{"NaN", `{"N": "NaN"}`, false, false},
	} {
		if got := isSame(c.text, json.RawMessage(c.other), c.date1904); got != c.want {
			t.Errorf("%q and %s: %v", c.text, c.other, got)
		}
	}
}

func TestCompareRowsCountsCellsOfBothSides(t *testing.T) {
	rows := func(text string) []row {
		got, err := decodeRows(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	own := rows(`{"sheet":"S","row":2,"cells":["a","b","","only here","merged"]}`)
	other := rows(`{"date1904":false}
		{"sheet":"S","row":2,"cells":["a","x"," ","",null]}
		{"sheet":"S","row":28,"cells":["only there"]}`)
	c := compareRows(own, other, 9)
	if c.same != 1 || c.different != 3 ||
		!strings.Contains(strings.Join(c.shown, "\n"), `S!B2: rollcall "b", the other "x"`) {
		t.Errorf("%+v", c)
	}
}

// reads returns a reader that is a command of the shell.
func reads(script string) reader { return reader{"shell", []string{"sh", "-c", script}} }

func TestReadersThatFailAreTold(t *testing.T) {
	limit := time.Minute
	if got := reads(`echo '{"row":1,"cells":["a"]}'`).read(t.Context(), "f", limit); got.err != nil ||
		len(got.rows) != 1 || got.memory == 0 {
		t.Errorf("%+v", got)
	}
	refused := reads(`echo 'rollcall: inspect: It is empty. (empty_file)' >&2; exit 1`).read(t.Context(), "f", limit)
	if refused.err == nil || refused.refused != "empty_file" || refused.panics {
		t.Errorf("%+v", refused)
	}
	panicked := reads(`printf 'panic: x\n\ngoroutine 1 [running]:\n' >&2; exit 2`).read(t.Context(), "f", limit)
	if !panicked.panics {
		t.Errorf("%+v", panicked)
	}
	if got := reads("exec sleep 60").read(t.Context(), "f", 50*time.Millisecond); !got.hangs {
		t.Errorf("%+v", got)
	}
}

func TestExcelizeSaysTheKindsOfCells(t *testing.T) {
	f := excelize.NewFile()
	for name, value := range map[string]any{"A1": "7", "B1": 7, "C1": true, "D1": "x"} {
		if err := f.SetCellValue("Sheet1", name, value); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "book.xlsx")
	if err := f.SaveAs(file); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := printExcelize(&out, file); err != nil {
		t.Fatal(err)
	}
	want := `{"date1904":false}
{"cells":["7",{"N":"7"},{"B":true},"x"],"row":1,"sheet":"Sheet1"}
`
	if out.String() != want || !isXLSX(file) {
		t.Errorf("got %s", out.String())
	}
}

func TestResultsAreCounted(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.csv": "1", "b.csv": "22", "README.md": "no roll"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := listFiles(dir)
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	results := []result{
		{file: files[0], own: reading{took: time.Second, memory: 7 << 20},
			others: map[string]comparison{"x": {same: 5, different: 1, shown: []string{"S!A1"}}}},
		{file: files[1], own: reading{refused: "empty_file", err: os.ErrInvalid}},
	}
	var out strings.Builder
	if err := printResults(&out, settings{dir: dir}, []reader{{name: "x"}}, results); err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		"refused, empty_file: b.csv", "x: 1 files compared, 5 cells the same, 1 different; 0 files",
		"2 files, 1 read, 1 refused, 0 panics, 0 hang", "slowest: 1.00 s, a.csv", "memory: 7 MB, a.csv",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	results[1].own = reading{panics: true, err: os.ErrInvalid}
	if err := printResults(&out, settings{dir: dir}, nil, results); err == nil {
		t.Error("a panic is no failure")
	}
}
