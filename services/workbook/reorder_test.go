package workbook

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall.example/events/refusal"
)

// person is the element of a row of a roll; row 1 is the header.
func person(n int) string {
	if n == 1 {
		return `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>Surname</t></is></c></row>`
	}
	return fmt.Sprintf(`<row r="%d"><c r="A%[1]d"><v>8001015009087</v></c><c r="B%[1]d" t="str"><v>P%[1]d</v></c></row>`,
		n)
}

func peopleAt(numbers ...int) string {
	var b strings.Builder
	for _, n := range numbers {
		b.WriteString(person(n))
	}
	return b.String()
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i + 1
	}
	return all
}

func backwards(numbers []int) []int {
	back := slices.Clone(numbers)
	slices.Reverse(back)
	return back
}

// openPeople opens a workbook of one sheet of rows.
func openPeople(t *testing.T, rows string) *File {
	t.Helper()
	data := zipParts(t, minimalParts(rows))
	file, err := Open(t.Context(), bytes.NewReader(data), int64(len(data)), Budget{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

// readPeople returns the numbers of the rows, and fails where a row has another's cells.
func readPeople(t *testing.T, rows func(func(Row, error) bool)) (numbers []int, err error) {
	t.Helper()
	for row, err := range rows {
		if err != nil {
			return numbers, err
		}
		if numbers = append(numbers, row.N); row.N > 1 && row.Cells[1].Text != fmt.Sprint("P", row.N) {
			t.Errorf("row %d has %+v", row.N, row.Cells)
		}
	}
	return numbers, nil
}

func TestRowsOutOfOrderAreReadInTheirOrder(t *testing.T) {
	deep := upTo(300)
	deep[250], deep[251] = deep[251], deep[250]
	for name, tt := range map[string]struct {
		numbers []int
		late    bool // the rows that tell of the header are in order
	}{
		"the last row first":       {append([]int{40}, upTo(39)...), false},
		"all backwards":            {backwards(upTo(5000)), false},
		"all but the header":       {append([]int{1}, backwards(upTo(1000))[:999]...), false},
		"two, far down":            {deep, true},
		"the first row at the end": {append(upTo(200)[1:], 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			file := openPeople(t, peopleAt(tt.numbers...))
			want := slices.Sorted(slices.Values(tt.numbers))
			if got, err := readPeople(t, file.Sheets[0].OrderedRows()); err != nil || !slices.Equal(got, want) {
				t.Fatalf("%d rows in order, error %v", len(got), err)
			}
			file = openPeople(t, peopleAt(tt.numbers...))
			sheet, header, err := file.Roll(readColumns(t))
			if name == "the first row at the end" {
				wantCode(t, err, refusal.CodeNoIDColumn) // nobody looks that far for a header
				return
			}
			if err != nil || header.Row != 1 {
				t.Fatal(header, err)
			}
			got, err := readPeople(t, sheet.Rows())
			if tt.late {
				wantCode(t, err, refusal.CodeUnreadable)
				if !sheet.Reorder(fmt.Errorf("read: %w", err)) || sheet.Reorder(err) {
					t.Fatal("rows out of order are not put in order, once")
				}
				got, err = readPeople(t, sheet.Rows())
			}
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%d rows, error %v", len(got), err)
			}
			if w := file.Warnings(sheet); len(w) != 1 || w[0].Code != "rows_reordered" {
				t.Errorf("warnings %+v", w)
			}
		})
	}
	if sheet := openPeople(t, peopleAt(1, 2)).Sheets[0]; sheet.Reorder(errors.New("another")) || sheet.Reorder(nil) {
		t.Error("another error says that rows are out of order")
	}
}

// Some programs write a row element for each cell, column by column.
func TestRowsGivenInPiecesAreOne(t *testing.T) {
	cell := func(ref, row, text string) string {
		return fmt.Sprintf(`<row r="%s"><c r="%s%s" t="str"><v>%s</v></c></row>`, row, ref, row, text)
	}
	file := openPeople(t, cell("A", "1", "a")+cell("A", "2", "b")+cell("C", "1", "c")+cell("B", "2", "d")+
		cell("A", "2", "b"))
	got := ""
	for row, err := range file.Sheets[0].OrderedRows() {
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range row.Cells {
			got += fmt.Sprintf("%c%d=%s ", 'A'+i, row.N, c.Text)
		}
	}
	if got != "A1=a B1= C1=c A2=b B2=d " {
		t.Errorf("cells %q", got)
	}
	file = openPeople(t, cell("A", "1", "a")+cell("A", "2", "b")+cell("A", "1", "c"))
	for row, err := range file.Sheets[0].OrderedRows() {
		if row.N > 0 {
			t.Errorf("row %+v", row)
		}
		wantCode(t, err, refusal.CodeUnreadable)
	}
}

func TestTooManyRowsOutOfOrderAreRefused(t *testing.T) {
	held := heldRows{limit: 1000}
	var err error
	for n := 1; err == nil && n < 1000; n++ {
		err = held.add(Row{N: n, Cells: []Cell{{Text: "8001015009087"}}})
	}
	wantCode(t, err, refusal.CodeTooLarge)
	if n := len(held.rows); n < 20 || n > 60 {
		t.Errorf("%d rows in 1,000 bytes", n)
	}
}

func TestHeldRowsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := rapid.Custom(func(t *rapid.T) time.Time {
			if rapid.Bool().Draw(t, "no day") {
				return time.Time{}
			}
			return time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, maxSerial).Draw(t, "days"))
		})
		cell := rapid.Custom(func(t *rapid.T) Cell {
			flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
			return Cell{
				Text: rapid.String().Draw(t, "text"), Kind: Kind(rapid.IntRange(0, 3).Draw(t, "kind")),
				Formula: flag("formula"), Cut: flag("cut"), Lost: flag("lost"), NoResult: flag("no result"),
				Twice: flag("twice"), Day: day.Draw(t, "day"),
			}
		})
		numbers := rapid.SliceOfNDistinct(rapid.IntRange(1, maxRows), 1, 9, rapid.ID).Draw(t, "numbers")
		held := heldRows{limit: reorderLimit}
		want := map[int][]Cell{}
		for _, n := range numbers {
			want[n] = rapid.SliceOfN(cell, 0, 4).Draw(t, "cells")
			if err := held.add(Row{N: n, Cells: want[n]}); err != nil {
				t.Fatal(err)
			}
		}
		last := 0
		if err := held.visit(func(row Row) bool {
			if row.N <= last || !slices.Equal(row.Cells, want[row.N]) {
				t.Fatalf("row %d behind %d: %+v, want %+v", row.N, last, row.Cells, want[row.N])
			}
			last = row.N
			delete(want, row.N)
			return true
		}); err != nil || len(want) > 0 {
			t.Fatal(err, want)
		}
	})
}
