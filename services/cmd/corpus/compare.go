package main

import (
	"archive/zip"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// result is what came of one file.
type result struct {
	file   string
	own    reading
	others map[string]comparison // by the reader's name; those that cannot read it are not there
	unread map[string]error      // by the reader's name
}

// comparison is how what another reader reads differs.
type comparison struct {
	same, different int
	shown           []string
}

// compareFile reads a file with all readers.
func compareFile(ctx context.Context, set settings, others []reader, file string) result {
	own := reader{"rollcall", []string{set.rollcall, "inspect", "--rows", "--all-sheets"}}
	r := result{file: file, own: own.read(ctx, file, set.limit),
		others: map[string]comparison{}, unread: map[string]error{}}
	if r.own.err != nil || !isXLSX(file) {
		return r
	}
	for _, other := range others {
		if got := other.read(ctx, file, set.limit); got.err != nil {
			r.unread[other.name] = got.err
		} else {
			r.others[other.name] = compareRows(r.own.rows, got.rows, set.shown)
		}
	}
	return r
}

// isXLSX reports whether a file is an .xlsx workbook, whatever its name: the other readers
// read nothing else.
func isXLSX(file string) bool {
	archive, err := zip.OpenReader(file)
	if err != nil || isOLE(file) { // which may have an archive within
		return false
	}
	defer func() { _ = archive.Close() }() // only read
	return slices.ContainsFunc(archive.File, func(part *zip.File) bool {
		return strings.EqualFold(strings.ReplaceAll(part.Name, `\`, "/"), "[Content_Types].xml")
	})
}

// isOLE reports whether a file is of the kind that old workbooks are.
func isOLE(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read
	head := make([]byte, 4)
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == "\xD0\xCF\x11\xE0"
}

type place struct {
	sheet       string
	row, column int
}

func (p place) String() string {
	letters := ""
	for n := p.column + 1; n > 0; n = (n - 1) / 26 {
		letters = string(rune('A'+(n-1)%26)) + letters
	}
	return fmt.Sprintf("%s!%s%d", p.sheet, letters, p.row)
}

// compareRows compares the cells that show something in either reading.
func compareRows(own, other []row, show int) (c comparison) {
	texts := make(map[place]string)
	for _, r := range own {
		for i, cell := range r.Cells {
			var text string
			if err := json.Unmarshal(cell, &text); err == nil && strings.TrimSpace(text) != "" {
				texts[place{r.Sheet, r.Row, i}] = text
			}
		}
	}
	differs := func(at place, ours, theirs string) {
		if c.different++; len(c.shown) < show {
			c.shown = append(c.shown, fmt.Sprintf("%v: rollcall %s, the other %s", at, ours, theirs))
		}
	}
	date1904 := false
	for _, r := range other {
		date1904 = date1904 || r.Date1904
		for i, cell := range r.Cells {
			at := place{r.Sheet, r.Row, i}
			text, known := texts[at]
			delete(texts, at)
			switch {
			case isBlank(cell) && !known, string(cell) == "null":
			case isSame(text, cell, date1904):
				c.same++
			default:
				differs(at, strconv.Quote(text), string(cell))
			}
		}
	}
	left := slices.SortedFunc(maps.Keys(texts), func(a, b place) int {
		return cmp.Or(strings.Compare(a.sheet, b.sheet), a.row-b.row, a.column-b.column)
	})
	for _, at := range left {
		differs(at, strconv.Quote(texts[at]), "nothing")
	}
	return c
}

func isBlank(cell json.RawMessage) bool {
	var text string
	return json.Unmarshal(cell, &text) == nil && strings.TrimSpace(text) == ""
}

// isSame reports whether a text of rollcall means the value of another reader's cell.
func isSame(text string, cell json.RawMessage, date1904 bool) bool {
	var theirs string
	if json.Unmarshal(cell, &theirs) == nil {
		return text == theirs
	}
	var value struct {
		N, D *string
		B    *bool
	}
	if err := json.Unmarshal(cell, &value); err != nil {
		return false
	}
	switch {
	case value.B != nil:
		return text == strings.ToUpper(strconv.FormatBool(*value.B))
	case value.D != nil:
		return isSameTime(text, *value.D)
	case value.N != nil:
		n, ok := parseNumber(*value.N)
		return ok && (isSameNumber(text, n) || isSerial(text, n, date1904))
	}
	return false
}

func parseNumber(text string) (float64, bool) {
	if strings.ContainsAny(text, "xXpP_nN") {
		return 0, false // hexadecimal, infinite, or none
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// isSameNumber reports whether a text is a number to the fifteen digits that spreadsheet
// programs show.
func isSameNumber(text string, n float64) bool {
	m, ok := parseNumber(text)
	return ok && math.Abs(m-n) <= 1e-14*math.Max(math.Abs(m), math.Abs(n))
}

var layouts = []string{time.DateOnly, time.DateTime, time.TimeOnly, "15:04", "2006-01-02T15:04:05", "2006-01-02T15:04"}

func parseTime(text string) (time.Time, bool) {
	text = strings.TrimSuffix(text, "Z")
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// isSameTime compares times to the second, which is what rollcall shows.
func isSameTime(text, theirs string) bool {
	a, ok := parseTime(text)
	b, known := parseTime(theirs)
	return ok && known && a.Sub(b).Abs() <= time.Second
}

// isSerial reports whether a text is the date or the time of day that a serial number
// means. Both calendars that begin in 1900 count: with the 29 February, and without.
func isSerial(text string, n float64, date1904 bool) bool {
	t, ok := parseTime(text)
	if !ok {
		return false
	}
	const second = 1.01 / (24 * 60 * 60)
	if len(text) == len(time.TimeOnly) {
		day := t.Sub(t.Truncate(24*time.Hour)).Hours() / 24
		off := math.Abs(n - math.Floor(n) - day)
		return off <= second || off >= 1-second
	}
	epoch := time.Date(1899, time.December, 30, 0, 0, 0, 0, time.UTC)
	if date1904 {
		epoch = time.Date(1904, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	// Durations do not span the years that serial numbers do.
	days := float64(t.Unix()-epoch.Unix()) / (24 * 60 * 60)
	return math.Abs(days-n) <= second || !date1904 && n < 60 && math.Abs(days-n-1) <= second
}
