package main

import (
	"path/filepath"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/schema"
)

// TestTheCommittedSampleIsTheGeneratedOne compares cells: the bytes of an
// archive hold times.
func TestTheCommittedSampleIsTheGeneratedOne(t *testing.T) {
	data, err := schema.Samples.ReadFile("samples/roll-500.xlsx")
	if err != nil {
		t.Fatal(err)
	}
	committed, err := xlsx.OpenBinary(data)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "roll.xlsx")
	if err := run(defaultSeed, defaultRows, path); err != nil {
		t.Fatal(err)
	}
	made, err := xlsx.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(made.Sheets) != 2 || len(committed.Sheets) != 2 {
		t.Fatalf("%d sheets made, %d committed", len(made.Sheets), len(committed.Sheets))
	}
	cells := 0
	for i, sheet := range made.Sheets {
		other := committed.Sheets[i]
		if sheet.Name != other.Name || sheet.MaxRow != other.MaxRow || sheet.MaxCol != other.MaxCol {
			t.Fatalf("sheet %s has %d rows, %d columns; committed: %s, %d, %d; run the generator again",
				sheet.Name, sheet.MaxRow, sheet.MaxCol, other.Name, other.MaxRow, other.MaxCol)
		}
		for y := range sheet.MaxRow {
			for x := range sheet.MaxCol {
				a, b := cellOf(t, sheet, y, x), cellOf(t, other, y, x)
				if a.Value != b.Value || a.Type() != b.Type() || a.NumFmt != b.NumFmt {
					t.Fatalf("cell %s is made %q, committed %q; run the generator again", xlsx.GetCellIDStringFromCoords(x, y), a.Value, b.Value)
				}
				cells++
			}
		}
	}
	if cells < 500*len(headers) {
		t.Errorf("%d cells compared", cells)
	}
}

func cellOf(t *testing.T, sheet *xlsx.Sheet, row, column int) *xlsx.Cell {
	t.Helper()
	cell, err := sheet.Cell(row, column)
	if err != nil {
		t.Fatal(err)
	}
	return cell
}

func TestAnotherSeedMakesAnotherRoll(t *testing.T) {
	ids := make(map[string]bool)
	for _, seed := range []uint64{1, 2} {
		file, err := makeRoll(seed, 3)
		if err != nil {
			t.Fatal(err)
		}
		ids[cellOf(t, file.Sheets[1], 4, 0).Value] = true
	}
	if len(ids) != 2 {
		t.Errorf("ID numbers %v", ids)
	}
}

func TestWithCheckDigit(t *testing.T) {
	for _, id := range []string{"8001015009087", "9001010001088", "8506155000084", "8001015009285"} {
		if got := withCheckDigit(id[:12]); got != id {
			t.Errorf("withCheckDigit(%s) = %s", id[:12], got)
		}
	}
}
