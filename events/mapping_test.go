package events_test

import (
	"testing"

	"rollcall.example/events"
)

func TestColumnLetters(t *testing.T) {
	for i, letters := range map[int]string{0: "A", 25: "Z", 26: "AA", 701: "ZZ", 702: "AAA", 16383: "XFD"} {
		if got := events.ColumnLetters(i); got != letters {
			t.Errorf("column %d is %s, not %s", i, got, letters)
		}
		if got, ok := events.ColumnIndex(letters); !ok || got != i {
			t.Errorf("%s is column %d, %v; want %d", letters, got, ok, i)
		}
	}
	if i, ok := events.ColumnIndex("ab"); !ok || i != 27 {
		t.Errorf("small letters: %d, %v", i, ok)
	}
	for _, bad := range []string{"", "A1", "AAAA", "XFE", "É", "{", "A ", "@", "`"} {
		if i, ok := events.ColumnIndex(bad); ok {
			t.Errorf("%q is column %d", bad, i)
		}
	}
}
