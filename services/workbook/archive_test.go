package workbook

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

func TestOpenRefusesWhatIsNoWorkbook(t *testing.T) {
	good := buildBook(t, []string{"ID Number"}, []string{"8001015009087"})
	bomb := minimalParts("")
	bomb["xl/worksheets/sheet1.xml"] = strings.Repeat(" ", 70<<20)
	tests := map[string]struct {
		data   []byte
		budget Budget
		want   string
	}{
		"workbook":       {data: good},
		"empty file":     {data: nil, want: refusal.CodeEmptyFile},
		"text":           {data: []byte("ID Number;Name\n8001015009087;A")},
		"a page":         {data: []byte("<html><table><tr><td>ID Number"), want: refusal.CodeNotAZip},
		"something else": {data: []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), want: refusal.CodeNotAZip},
		"two bytes":      {data: []byte("PK"), want: refusal.CodeNotAZip},
		"truncated":      {data: good[:len(good)/2], want: refusal.CodeNotAZip},
		"other archive":  {data: zipParts(t, map[string]string{"a.txt": "a"}), want: refusal.CodeNotAWorkbook},
		"document": {data: zipParts(t, map[string]string{"[Content_Types].xml": "", "word/document.xml": ""}),
			want: refusal.CodeNotAWorkbook},
		"no content types": {data: zipParts(t, map[string]string{"xl/workbook.xml": ""}),
			want: refusal.CodeNotAWorkbook},
		"larger than the limit": {data: good, budget: Budget{Bytes: 1000}, want: refusal.CodeTooLarge},
		"absurd ratio":          {data: zipParts(t, bomb), want: refusal.CodeTooLarge},
		"ratio allowed":         {data: zipParts(t, bomb), budget: Budget{Ratio: 2000}},
		"small and full of spaces": {data: zipParts(t, map[string]string{"[Content_Types].xml": "",
			"xl/workbook.xml": strings.Repeat(" ", 1<<20)})},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			size := int64(len(test.data))
			src := newMeter(t.Context(), bytes.NewReader(test.data), size, test.budget)
			defer src.cancel()
			kind, err := tellFormat(src, size)
			if err == nil && kind == formatArchive {
				_, err = openZip(src, size)
			} else if err == nil {
				_, err = openCSV(src, size)
			}
			wantCode(t, err, test.want)
		})
	}
}

func TestOpenTellsAFailingReaderFromABadFile(t *testing.T) {
	broken := errors.New("disk gone")
	_, err := Open(t.Context(), failingReader{broken}, 100, Budget{})
	var refused *refusal.Error
	if !errors.Is(err, broken) || errors.As(err, &refused) {
		t.Fatalf("error %v, want the reader's own", err)
	}
}

type failingReader struct{ err error }

func (r failingReader) ReadAt([]byte, int64) (int, error) { return 0, r.err }

func TestPreflight(t *testing.T) {
	gap := make([][]string, 0, 300)
	gap = append(gap, []string{"ID Number"})
	for range 250 {
		gap = append(gap, []string{""})
	}
	gap = append(gap, []string{"8001015009087"})
	tests := map[string]struct {
		data []byte
		want string
	}{
		"roll":         {data: buildBook(t, []string{"ID Number", "Name"}, []string{"8001015009087", "A"})},
		"header alone": {data: buildBook(t, []string{"ID Number", "Name"}), want: refusal.CodeNoRows},
		"nothing":      {data: buildBook(t), want: refusal.CodeNoRows},
		"no ID column": {data: buildBook(t, []string{"Surname", "Name"}, []string{"A", "B"}),
			want: refusal.CodeNoIDColumn},
		"one field twice": {data: buildBook(t, []string{"ID", "RSA ID"}, []string{"1", "2"})},
		"rows far below":  {data: buildBook(t, gap...)},
		"xml that is none": {data: zipParts(t, map[string]string{"[Content_Types].xml": "x", "xl/workbook.xml": "<<<"}),
			want: refusal.CodeUnreadable},
		"sample of the kit": {data: readSample(t)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Preflight(t.Context(), bytes.NewReader(test.data), int64(len(test.data)), Budget{}, readColumns(t))
			wantCode(t, err, test.want)
		})
	}
}

func readSample(t testing.TB) []byte {
	t.Helper()
	data, err := schema.Samples.ReadFile("samples/roll-500.xlsx")
	if err != nil {
		t.Fatal(err)
	}
	return data
}
