package csvfile

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/services/sheets"
)

func TestNoCellIsAFormula(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "",
		"Nkosi":             "Nkosi",
		"=1+1":              "'=1+1",
		" =1+1":             "' =1+1",
		"\ufeff=1+1":        "'\ufeff=1+1",
		"+cmd|' /C calc'!A": "'+cmd|' /C calc'!A",
		"-1+1":              "'-1+1",
		"@SUM(A1)":          "'@SUM(A1)",
		"\t=1":              "'\t=1",
		"\r=1":              "'\r=1",
		"\n=1":              "'\n=1",
		"＝1+1":              "'＝1+1",
		"＠x":                "'＠x",
		"-12.50":            "-12.50",
		"+27 82 123 4567":   "+27 82 123 4567",
		"-":                 "'-",
		"a=1":               "a=1",
	} {
		if got := Harmless(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestSheetsAreWrittenAsText(t *testing.T) {
	book, err := sheets.New(sheets.Config{Looks: []sheets.Look{{Style: xlsx.NewStyle()}}, Formats: []string{"@"},
		SpoolDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = book.Close() }()
	add := func(name string, rows ...[]string) {
		sheet, err := book.AddSheet(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, texts := range rows {
			var cells []sheets.Cell
			for _, text := range texts {
				cell, err := book.AddText(text)
				if err != nil {
					t.Fatal(err)
				}
				cells = append(cells, cell)
			}
			if err := sheet.WriteRow(0, cells); err != nil {
				t.Fatal(err)
			}
		}
	}
	add("Summary", []string{"Totals"}, []string{"Rows", "2"})
	var long [][]string
	for n := range 2 * widthRows {
		long = append(long, []string{fmt.Sprint(n), "=1+1", "a \"b\", c"})
	}
	add("Existing Members (Updated)", append([][]string{{"Row"}}, long...)...)
	var file bytes.Buffer
	if err := book.Write(&file); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBook(t.Context(), bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if got := b.Names(); !slices.Equal(got, []string{"summary", "existing_members_updated"}) {
		t.Errorf("names %q", got)
	}
	if !b.Has("Existing Members (Updated)") || !b.Has("existing_members_updated") || b.Has("members") || b.Has("") {
		t.Error("a sheet is not found by its name, or by another")
	}
	var out strings.Builder
	if err := b.Write(NewWriter(&out), "existing_members_updated"); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll() // wants one width
	if err != nil || len(rows) != 1+2*widthRows {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	last := []string{"1999", "'=1+1", `a "b", c`}
	if !slices.Equal(rows[0], []string{"Row", "", ""}) || !slices.Equal(rows[2000], last) {
		t.Errorf("%q, %q", rows[0], rows[2000])
	}
	out.Reset()
	if err := b.Write(NewWriter(&out), "summary"); err != nil || out.String() != "Totals,\r\nRows,2\r\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
