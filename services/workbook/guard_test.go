package workbook

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Each of these makes the reading library take gigabytes.
func TestGuardRefusesWhatAFileMerelyClaims(t *testing.T) {
	var wide, spanning strings.Builder
	for n := 1; n <= 4000; n++ {
		fmt.Fprintf(&wide, `<row r="%d"><c r="XFD%d"/></row>`, n, n)
		fmt.Fprintf(&spanning, `<row r="%d" spans="1:16384"/>`, n)
	}
	formula := `<row r="1"><c r="A1"><f t="shared" ref="A1:A9" si="0">` + strings.Repeat("A1+", 30_000) + `1</f></c></row>`
	tests := map[string]struct {
		rows, strings string
		want          string
	}{
		"honest":               {rows: `<row r="1" spans="1:2"><c r="A1"><v>1</v></c></row>`},
		"column out of range":  {rows: `<row r="1"><c r="ZZZZZZ1"><v>1</v></c></row>`, want: CodeUnreadable},
		"prefixed attribute":   {rows: `<row r="1"><c x:r="ZZZZZZ1"><v>1</v></c></row>`, want: CodeUnreadable},
		"entity in reference":  {rows: `<row r="1"><c r="ZZZ&#90;Z1"><v>1</v></c></row>`, want: CodeUnreadable},
		"second of two":        {rows: `<row r="1"><c r="A1"r='ZZZZZZ1'><v>1</v></c></row>`, want: CodeUnreadable},
		"tag cut in two":       {rows: `<row r="1" a=">" spans="1:9999999999"></row>`, want: CodeUnreadable},
		"span out of range":    {rows: `<row r="1" spans = '1:9999999999'></row>`, want: CodeUnreadable},
		"every row wide":       {rows: wide.String(), want: CodeTooLarge},
		"every row spans all":  {rows: spanning.String(), want: CodeTooLarge},
		"row out of range":     {rows: `<row r="9999999"><c r="A9999999"><v>1</v></c></row>`, want: CodeUnreadable},
		"shared formulas":      {rows: formula + strings.Repeat(`<c r="A2"><f t="shared" si="0"/></c>`, 4000), want: CodeTooLarge},
		"a billion strings":    {strings: `<sst count="1000000000"></sst>`, want: CodeUnreadable},
		"second table":         {strings: `<sst count="1"></sst><x:sst  uniqueCount="1" count='1000000000'/>`, want: CodeUnreadable},
		"text like attributes": {rows: `<row r="1"><c r="A1" t="inlineStr"><is><t> r="nonsense" spans="x"</t></is></c></row>`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := parts(test.rows)
			if test.strings != "" {
				p["xl/sharedStrings.xml"] = test.strings
			}
			_, err := openBytes(zipped(t, p))
			wantCode(t, err, test.want)
		})
	}
}

// The library would skip such a cell, and lay such rows over each other: people
// would be missing and nobody would know.
func TestGuardRefusesCellsWithoutAPlace(t *testing.T) {
	tests := map[string]struct{ rows, want string }{
		"placed":                  {`<row r="1"><c r="A1"><v>1</v></c></row><row r="2"/>`, ""},
		"cell without":            {`<row r="1"><c r="A1"><v>1</v></c><c><v>2</v></c></row>`, CodeUnreadable},
		"cell of a kind, without": {`<row r="1"><c t="s" s="1"><v>0</v></c></row>`, CodeUnreadable},
		"cell that closes itself": {`<row r="1"><c/><c r="B1"><v>1</v></c></row>`, CodeUnreadable},
		"cell with nothing in it": {`<row r="1"><c r=""><v>1</v></c></row>`, CodeUnreadable},
		"prefixed":                {`<x:row r="1"><x:c><x:v>1</x:v></x:c></x:row>`, CodeUnreadable},
		"row without":             {`<row><c r="A1"><v>1</v></c></row><row><c r="A2"><v>2</v></c></row>`, CodeUnreadable},
		"elements like cells":     {`<row r="1"><c r="A1" cm="1"><v>1</v></c></row></sheetData><cols><col min="1" max="1"/></cols><sheetData>`, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := openBytes(zipped(t, parts(test.rows)))
			wantCode(t, err, test.want)
			var fault *Error
			if errors.As(err, &fault) && !strings.Contains(fault.Message, "where its cells stand") {
				t.Errorf("message %q", fault.Message)
			}
		})
	}
}

func TestGuardRefusesRowsOverEachOther(t *testing.T) {
	for name, rows := range map[string]string{
		"twice":        `<row r="1"><c r="A1"><v>1</v></c></row><row r="1"><c r="B1"><v>2</v></c></row>`,
		"out of order": `<row r="2"><c r="A2"><v>1</v></c></row><row r="1"><c r="A1"><v>2</v></c></row>`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openBytes(zipped(t, parts(rows)))
			wantCode(t, err, CodeUnreadable)
		})
	}
}

func TestPosition(t *testing.T) {
	tests := map[string][2]int{"A1": {1, 1}, "Z9": {26, 9}, "AA10": {27, 10}, "XFD1048576": {16384, 1048576}, "17": {0, 17}, "": {}}
	for ref, want := range tests {
		if column, row, ok := position(ref); !ok || column != want[0] || row != want[1] {
			t.Errorf("position(%q) = %d, %d, %v, want %v", ref, column, row, ok, want)
		}
	}
	for _, ref := range []string{"XFE1", "AAAA1", "A1048577", "1048577", "a1", "$A$1", "1A", "A1&", "A99999999999999999999"} {
		if column, row, ok := position(ref); ok {
			t.Errorf("position(%q) = %d, %d, want none", ref, column, row)
		}
	}
}

func BenchmarkGuard(b *testing.B) {
	var rows strings.Builder
	for n := 1; n <= 10_000; n++ {
		fmt.Fprintf(&rows, `<row r="%d" spans="1:20">`, n)
		for c := range 20 {
			fmt.Fprintf(&rows, `<c r="%c%d" t="s"><v>%d</v></c>`, 'A'+c, n, n)
		}
		rows.WriteString("</row>")
	}
	data := []byte(rows.String())
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		c := claims{open: -1, unpacked: int64(len(data))}
		for rest := data; len(rest) > 0; {
			advance, piece, _ := splitTags(rest, true)
			if err := c.tag(piece); err != nil {
				b.Fatal(err)
			}
			rest = rest[advance:]
		}
	}
}
