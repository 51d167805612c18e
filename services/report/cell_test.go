package report

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"rollcall.example/events/records"
	"rollcall.example/schema"
)

func TestParseTypedCell(t *testing.T) {
	tests := []struct {
		name  string
		kind  schema.Kind
		in    string
		value string // "" where the text stays
	}{
		{"a day", schema.KindDate, "2024-02-29", "45351"},
		{"the first day all programs agree on", schema.KindDate, "1900-03-01", "61"},
		{"a day before", schema.KindDate, "1900-02-28", ""},
		{"no day", schema.KindDate, "", ""},
		{"money", schema.KindMoney, "10.50", "10.50"},
		{"negative money", schema.KindMoney, "-0.5", "-0.5"},
		{"money of more digits than a number keeps", schema.KindMoney, "1234567890123.00", ""},
		{"a formula for money", schema.KindMoney, "=1", ""},
		{"an age", schema.KindAge, "46", "46"},
		{"no age", schema.KindAge, "", ""},
		{"a phone number", schema.KindCell, "+27821234567", ""},
		{"an id number", schema.KindID, "8001015009087", ""},
		{"a ward", schema.KindCode, "79800001", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, ok := parseTypedCell(tt.kind, tt.in)
			if ok != (tt.value != "") || ok && (c.value != tt.value || !c.number) {
				t.Errorf("got %+v, %v", c, ok)
			}
		})
	}
}

func TestTimeCellIsSouthAfricanTime(t *testing.T) {
	if got := timeCell(time.Date(1900, time.March, 1, 22, 0, 0, 0, time.UTC)); got.value != "62.000000012" {
		t.Errorf("got %s", got.value)
	}
	if got := timeCell(time.Time{}); got.number || got.value != "" {
		t.Errorf("the zero time gave %+v", got)
	}
}

func TestLongTextIsTruncated(t *testing.T) {
	for name, in := range map[string]string{
		"just fits": strings.Repeat("x", maxText),
		"too long":  strings.Repeat("x", maxText+1),
		"wide":      strings.Repeat("🙂", maxText),
		"accents":   strings.Repeat("ë", maxText),
	} {
		got := textCell(in).value
		units := len(utf16.Encode([]rune(in)))
		if n := len(utf16.Encode([]rune(got))); n > maxText || (got == in) != (units <= maxText) ||
			(got != in && !strings.HasSuffix(got, cutMark)) {
			t.Errorf("%s: %d units became %d", name, units, n)
		}
	}
}

func TestLongListsOfRowsAreShortened(t *testing.T) {
	list := make([]int, maxListed+2)
	for i := range list {
		list[i] = i
	}
	if got := joinNumbers(list); !strings.HasPrefix(got, "0, 1, 2, ") || !strings.HasSuffix(got, ", 49 and 2 more") {
		t.Errorf("got %q", got)
	}
	if got := joinNumbers([]int{4, 11}); got != "4, 11" {
		t.Errorf("got %q", got)
	}
}

func TestCompareWards(t *testing.T) {
	for _, tt := range []struct {
		file, iec string
		want      wardCheck
	}{
		{"79800001", "79800001", sameWard},
		{"79800001", "79800002", otherWard},
		{"", "79800002", noWardInFile},
		{"79800001", "", noWardFromIEC},
		{"", "", noWardFromIEC},
	} {
		e := &entry{row: &records.Row{Fields: map[string]string{fieldWard: tt.file}},
			verdict: &records.Verdict{Ward: tt.iec}}
		if got := compareWards(e); got != tt.want {
			t.Errorf("%q, %q: got %q", tt.file, tt.iec, got)
		}
	}
}

func TestPanicBecomesAnErrorWithoutCells(t *testing.T) {
	var logged strings.Builder
	log := slog.New(slog.NewTextHandler(&logged, nil))
	err := catchPanic(t.Context(), log, func() error { panic("8001015009087") })
	if err == nil || strings.Contains(err.Error()+logged.String(), "8001015009087") ||
		!strings.Contains(logged.String(), "panic") {
		t.Errorf("got %v, logged %s", err, logged.String())
	}
	if err := catchPanic(t.Context(), log, func() error { return errBroken }); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}
