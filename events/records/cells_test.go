package records_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"rollcall.example/events/records"
)

// ascending yields the cells of a row in the order of their columns.
func ascending(cells map[int]string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for _, column := range slices.Sorted(maps.Keys(cells)) {
			if !yield(column, cells[column]) {
				return
			}
		}
	}
}

func TestARowTakesTheRoomOfItsFilledCells(t *testing.T) {
	for name, tt := range map[string]struct {
		cells   map[int]string
		columns int
		most    int // bytes of the line
	}{
		"far to the right": {map[int]string{0: "5", 16_354: "x"}, 2, 100},
		"a wide header":    {map[int]string{0: "5"}, 16_384, 50},
		"every 17th":       {everyNth(18), 16_384, 911 * 45},
	} {
		row := records.Row{N: 2}
		row.Cells, row.Far = records.PackCells(ascending(tt.cells), tt.columns)
		line, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		if len(line) > tt.most {
			t.Errorf("%s: a line of %d bytes, want at most %d", name, len(line), tt.most)
		}
		if got := maps.Collect(row.Texts()); !maps.Equal(got, tt.cells) {
			t.Errorf("%s: cells are %v", name, got)
		}
	}
}

func everyNth(n int) map[int]string {
	cells := map[int]string{}
	for i := 0; i < 16_384; i += n {
		cells[i] = fmt.Sprint(i)
	}
	return cells
}

// An ordinary row is written as ever, so that every reader finds its cells.
func TestANarrowRowHasATextForEachColumn(t *testing.T) {
	cells, far := records.PackCells(ascending(map[int]string{1: "A", 40: "B"}), 50)
	if len(cells) != 50 || cells[1] != "A" || cells[40] != "B" || far != nil {
		t.Errorf("%q, %v", cells, far)
	}
}

func TestTextsAreWhatWasPacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := rapid.MapOf(rapid.IntRange(0, 16_383), rapid.StringN(1, 5, -1)).Draw(t, "cells")
		columns := rapid.IntRange(0, 200).Draw(t, "columns")
		row := records.RejectedRow{N: 1}
		row.Cells, row.Far = records.PackCells(ascending(cells), columns)
		last := -1
		got := map[int]string{}
		for column, text := range row.Texts() {
			if column <= last {
				t.Fatalf("column %d after %d", column, last)
			}
			last, got[column] = column, text
		}
		if !maps.Equal(got, cells) {
			t.Fatalf("got %v, want %v", got, cells)
		}
	})
}
