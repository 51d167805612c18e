package events

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestMaskIDs(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "",
		"alice":                                "alice",
		"8001015009087":                        "800101*****87",
		"8001015009086":                        "800101*****86", // the check digit is wrong
		"8099995009087":                        "8099995009087", // no such birthday
		"18001015009087":                       "18001015009087",
		"80010150090871":                       "80010150090871",
		"800101500908":                         "800101500908",
		"user:8001015009087@party.example":     "user:800101*****87@party.example",
		"spouse of ID8001015009087.":           "spouse of ID800101*****87.",
		"800101 5009 087":                      "800101*****87",
		"80-01-01-5009-08-7":                   "800101*****87",
		"800101.5009.087 and 9001010001088":    "800101*****87 and 900101*****88",
		"0193a1b2-0101-5009-8001-015009087abc": "0193a1b2-0101-5009-8001-015009087abc",
		"job-019ac0a0-1234-7123-8123-123456789012": "job-019ac0a0-1234-7123-8123-123456789012",
		"2026-11-27T00:20:32.123456789Z":           "2026-11-27T00:20:32.123456789Z",
		"1764201600000":                            "1764201600000", // milliseconds since 1970
		"192.168.100.200:54321":                    "192.168.100.200:54321",
		"８００１０１５００９０８７":                            "800101*****87",
		"ID ٨٠٠١٠١٥٠٠٩٠٨٧ twice":                   "ID 800101*****87 twice",
		"800101\u200b5009\u00ad087":                "800101*****87",
		"800101\u00a05009\u2011087":                "800101*****87",
		"\ufeff'8001015009087":                     "\ufeff'800101*****87",
		"=\"8001015009087\"":                       "=\"800101*****87\"",
		"8001015009087.0":                          "800101*****87.0",
		"at 8.001015009087E+12.":                   "at 800101*****87.",
		"8,001015009087e12":                        "800101*****87",
		"8.00102E+12":                              "8.00102E+12",
		"102030005080":                             "010203*****80", // its zero is eaten
		"id:7045006082,":                           "id:000704*****82,",
		"102030005080.0":                           "010203*****80.0",
		"1.0203000508E+11":                         "010203*****80",
		"102030005081":                             "102030005081", // not valid
		"job-019ac0a0-1234-7123-8123-102030005080": "job-019ac0a0-1234-7123-8123-102030005080",
		"0.7045006082 seconds":                     "0.7045006082 seconds",
		"7045006082.5":                             "7045006082.5",
		"sha256 80010150090e2f, 800101500908e1":    "sha256 80010150090e2f, 800101500908e1",
	} {
		if got := MaskIDs(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// A user's id stands in facts and headers, so it is no ID number, and always the same.
func TestUserIDHasNoIDNumber(t *testing.T) {
	for _, sub := range []string{"8001015009087", "8001015009087@party.example", "800101 5009 087"} {
		id := UserID(sub)
		if HasID(id) || id != UserID(sub) || !strings.HasPrefix(id, "user-") || len(id) != 37 {
			t.Errorf("%s: %q", sub, id)
		}
		if UserID(id) != id {
			t.Errorf("%s: the id of the id is another", sub)
		}
	}
	if UserID("8001015009087") == UserID("9001010001088") {
		t.Error("two people have the same id")
	}
	for _, sub := range []string{"alice", "", "u-1764201600000", "0193a1b2-0101-5009-8001-015009087abc"} {
		if UserID(sub) != sub {
			t.Errorf("%s became %s", sub, UserID(sub))
		}
	}
}

func TestNoLogLineHasAnIDNumber(t *testing.T) {
	const id = "8001015009087"
	for name, make := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		log := slog.New(NewLogHandler(make(&b)))
		log.Info("of "+id, "user", id, "err", fmt.Errorf("load: %w", errors.New("no member "+id)),
			slog.Group("who", "user", id, "named", User{ID: id}), "list", []string{"a", id}, "count", 3)
		log.With("owner", id).WithGroup("in").Warn("steered", "user", id)
		if text := b.String(); strings.Contains(text, id) || strings.Count(text, "800101*****87") != 8 ||
			!strings.Contains(text, "count") {
			t.Errorf("%s: %s", name, text)
		}
	}
}
