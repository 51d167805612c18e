package workbook

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"rollcall.example/events/refusal"
	"rollcall.example/schema"
	"rollcall.example/services/workbook/xls/xlstest"
)

// An old workbook gives the same rows as a new one.
func TestAnOldWorkbookIsReadAsANewOne(t *testing.T) {
	rows := [][]string{{"Members of the branch"}, {}, {"ID Number", "Name", "Surname"},
		{"8001015009087", "Thabo", "Mokoena"}, {"9202204720083", "Zoë", "Дьяченко"}}
	old, err := openBytes(xlstest.Roll(rows...))
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(t, old)
	sheet, header, err := old.Roll(readColumns(t))
	if err != nil {
		t.Fatal(err)
	}
	if sheet.Name != "Roll" || header.Row != 3 || header.Fields[schema.FieldID] != 0 {
		t.Errorf("sheet %q, header %+v", sheet.Name, header)
	}
	got := ""
	for row, err := range sheet.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		got += fmt.Sprint(row.N)
		for _, c := range row.Cells {
			got += "|" + c.Text
		}
		got += "\n"
	}
	want := "1|Members of the branch\n3|ID Number|Name|Surname\n4|8001015009087|Thabo|Mokoena\n" +
		"5|9202204720083|Zoë|Дьяченко\n"
	if got != want || sheet.RowCount() != 5 {
		t.Errorf("%d rows\n%swant\n%s", sheet.RowCount(), got, want)
	}
}

func closeFile(t *testing.T, f *File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// Numbers, dates and results of formulas show what they show in a new workbook.
func TestCellsOfAnOldWorkbook(t *testing.T) {
	record := xlstest.Record
	long := strings.Repeat("x", 40_000)
	for _, test := range []struct {
		record  []byte
		globals []byte
		want    Cell
	}{
		{record: record(0x203, 0, 0, 0, 8001015009087.0), want: Cell{Text: "8001015009087", Kind: Number}},
		{record: record(0x203, 0, 0, 0, 0.1+0.2), want: Cell{Text: "0.3", Kind: Number}},
		{record: record(0x203, 0, 0, 0, 1e15), want: Cell{Text: "1000000000000000", Kind: Number}},
		{record: record(0x203, 0, 0, 0, math.Inf(1)), want: Cell{Text: "#NUM!", Kind: Failed}},
		{record: record(0x27E, 0, 0, 0, uint32(150<<2|3)), want: Cell{Text: "1.5", Kind: Number}},
		{record: record(0x203, 0, 0, 1, 45292.0), want: dateCell("2024-01-01")},
		{record: record(0x203, 0, 0, 2, 45292.0), want: dateCell("2024-01-01")},
		{record: record(0x203, 0, 0, 3, 45292.0), want: Cell{Text: "45292", Kind: Number}},
		{record: record(0x203, 0, 0, 99, 45292.0), want: Cell{Text: "45292", Kind: Number}},
		{record: record(0x203, 0, 0, 1, 43830.0), globals: record(0x22, 1), want: dateCell("2024-01-01")},
		{record: record(0x205, 0, 0, 0, byte(1), byte(0)), want: Cell{Text: "TRUE"}},
		{record: record(0x205, 0, 0, 0, byte(0x2A), byte(1)), want: Cell{Text: "#N/A", Kind: Failed}},
		{record: record(0x0FD, 0, 0, 0, uint32(1)), want: Cell{Text: "two"}},
		{record: record(0x0FD, 0, 0, 0, uint32(2)), want: Cell{Lost: true}},
		{record: record(0x006, 0, 0, 0, 2.5, 0, uint32(0), 0), want: Cell{Text: "2.5", Kind: Number, Formula: true}},
		{record: record(0x204, 0, 0, 0, xlstest.String(long)[:3], long), want: Cell{Text: long[:32_767], Cut: true}},
		{record: slices.Concat(record(0x204, 0, 0, 0, xlstest.String("a")), record(0x204, 0, 0, 0, xlstest.String("b"))),
			want: Cell{Text: "b", Twice: true}},
	} {
		data := xlstest.Book{Globals: test.globals, Formats: []string{"dd/mm/yyyy", "0.00"}, Styles: []int{0, 14, 164, 165},
			Strings: xlstest.Shared(100, "one", "two"), Sheets: []xlstest.Sheet{{Name: "Roll", Records: test.record}}}.Bytes()
		file, err := openBytes(data)
		if err != nil {
			t.Fatal(err)
		}
		for row, err := range file.Sheets[0].Rows() {
			if err != nil || len(row.Cells) != 1 || row.Cells[0] != test.want {
				t.Errorf("%x: %+v, want %+v, error %v", test.record[:min(len(test.record), 24)], row.Cells, test.want, err)
			}
		}
		closeFile(t, file)
	}
}

func dateCell(day string) Cell {
	c := Cell{}
	c.setISO(day)
	return c
}

// What is hidden is read and told, and so is what is missing.
func TestWarningsAboutAnOldWorkbook(t *testing.T) {
	roll := slices.Concat(xlstest.Record(0x208, 1, 0, 9, 255, 0, 0, uint32(0x120)),
		goodCells)
	book := xlstest.Book{
		Sheets:  []xlstest.Sheet{{Name: "Notes", State: 1}, {Name: "Deep", State: 2}, {Name: "Roll", Records: roll}},
		Globals: xlstest.Record(0x85, uint32(2), byte(0), byte(0), byte(4), "\x00Gone")}
	file, err := openBytes(book.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(t, file)
	sheet, _, err := file.Roll(readColumns(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range sheet.Rows() {
		if err != nil {
			t.Fatal(err)
		}
	}
	var codes []string
	for _, w := range file.Warnings(sheet) {
		codes = append(codes, w.Code)
	}
	if !slices.Equal(codes, []string{"sheet_without_rows", "hidden_sheets", "hidden_rows"}) {
		t.Error(codes)
	}
}

// A workbook has the same budget, whatever its format.
func TestAnOldWorkbookHasABudget(t *testing.T) {
	data := xlstest.Roll([]string{"ID Number", "Name"}, []string{"8001015009087", "Thabo"})
	for _, test := range []struct {
		budget Budget
		of     string
	}{
		{Budget{Bytes: 1000}, "bytes"}, {Budget{Sheets: 1}, ""}, {Budget{Strings: 3}, "shared strings"},
		{Budget{Text: 10}, "bytes of text"}, {Budget{Cells: 3}, "cells"}, {Budget{Row: 8}, "bytes of a row"},
		{Budget{Names: 3}, "bytes of names"}, {Budget{StringBytes: 12}, "bytes of shared strings"},
	} {
		file, err := Open(t.Context(), bytes.NewReader(data), int64(len(data)), test.budget)
		if err == nil {
			for _, err = range file.Sheets[0].Rows() {
				if err != nil {
					break
				}
			}
			closeFile(t, file)
		}
		got := ""
		if refused, ok := errors.AsType[*refusal.Error](err); ok {
			got = fmt.Sprint(refused.Details["of"])
		}
		if got != test.of {
			t.Errorf("%+v: error %v, want more %q", test.budget, err, test.of)
		}
	}
}
