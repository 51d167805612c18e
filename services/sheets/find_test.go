package sheets

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
)

func TestFindTellsWhereARowStands(t *testing.T) {
	b := newTestBook(t)
	summary := newTestSheet(t, b, "Summary")
	writeRow(t, summary, 0, Number("7", 1))
	all, some, none := newTestSheet(t, b, "All <&>"), newTestSheet(t, b, "Some"), newTestSheet(t, b, "None")
	for _, s := range []*Sheet{all, some, none} {
		writeRow(t, s, 1, addText(t, b, "Sheet Row"), addText(t, b, "7"))
	}
	writeRow(t, none, 0, addText(t, b, "Nobody."))
	for n := 2; n <= 5000; n++ {
		row := []Cell{Number(strconv.Itoa(n), 1), addText(t, b, "<row r=\"3\">"), Number("7", 1).After(3)}
		writeRow(t, all, 0, row...)
		if n%7 == 0 {
			writeRow(t, some, 1, row...)
		}
	}
	writeRow(t, some, 0, Number("4999", 1).After(1)) // not in the first column
	data := writeBook(t, b)
	for n, want := range map[int][]Place{
		7:    {{"All <&>", 7}, {"Some", 2}},
		8:    {{"All <&>", 8}},
		4998: {{"All <&>", 4998}, {"Some", 715}},
		4999: {{"All <&>", 4999}},
		9999: nil,
	} {
		if got, err := Find(t.Context(), bytes.NewReader(data), int64(len(data)), n); err != nil || !slices.Equal(got, want) {
			t.Errorf("row %d is in %v (%v), want %v", n, got, err, want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(ended, bytes.NewReader(data), int64(len(data)), 4999); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
}
