package main

import (
	"path/filepath"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/schema"
)

// The test compares cells, because the bytes of an archive contain times.
func TestCommittedSamplesAreCurrent(t *testing.T) {
	tests := map[string]struct {
		roll          func() (*xlsx.File, error)
		sheets, cells int
	}{
		"roll-500.xlsx": {func() (*xlsx.File, error) { return makeRoll(defaultSeed, defaultRows) }, 2,
			defaultRows * len(headers)},
		"hostile.xlsx": {makeHostile, 3, len(hostileRows()) * len(hostileHeaders)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			data, err := schema.Samples.ReadFile("samples/" + name)
			if err != nil {
				t.Fatal(err)
			}
			committed, err := xlsx.OpenBinary(data)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), name)
			if err := saveRoll(test.roll, path); err != nil {
				t.Fatal(err)
			}
			made, err := xlsx.OpenFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(made.Sheets) != test.sheets || len(committed.Sheets) != test.sheets {
				t.Fatalf("%d sheets made, %d committed", len(made.Sheets), len(committed.Sheets))
			}
			cells := 0
			for i, sheet := range made.Sheets {
				cells += compareSheets(t, sheet, committed.Sheets[i])
			}
			if cells < test.cells {
				t.Errorf("compared %d cells, want at least %d", cells, test.cells)
			}
		})
	}
}

// compareSheets returns the number of cells, which are all the same.
func compareSheets(t *testing.T, sheet, other *xlsx.Sheet) (cells int) {
	t.Helper()
	if sheet.Name != other.Name || sheet.Hidden != other.Hidden || sheet.MaxRow != other.MaxRow ||
		sheet.MaxCol != other.MaxCol {
		t.Fatalf("sheet %s has %d rows, %d columns; committed: %s, %d, %d; run go generate",
			sheet.Name, sheet.MaxRow, sheet.MaxCol, other.Name, other.MaxRow, other.MaxCol)
	}
	for y := range sheet.MaxRow {
		for x := range sheet.MaxCol {
			a, b := cellOf(t, sheet, y, x), cellOf(t, other, y, x)
			if a.Value != b.Value || a.Type() != b.Type() || a.NumFmt != b.NumFmt || a.Formula() != b.Formula() {
				t.Fatalf("cell %s is made %q, committed %q; run go generate", xlsx.GetCellIDStringFromCoords(x, y),
					a.Value, b.Value)
			}
			cells++
		}
	}
	return cells
}

func cellOf(t *testing.T, sheet *xlsx.Sheet, row, column int) *xlsx.Cell {
	t.Helper()
	cell, err := sheet.Cell(row, column)
	if err != nil {
		t.Fatal(err)
	}
	return cell
}

func TestSeedsMakeDifferentRolls(t *testing.T) {
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
