package delimited

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What the standard library writes is read as the standard library reads it.
func TestWellFormedTextIsReadAsTheLibraryReadsIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		field := rapid.StringOf(rapid.SampledFrom([]rune("ab1 ,;\"\n\r\té'=")))
		width := rapid.IntRange(1, 5).Draw(t, "width")
		written := rapid.SliceOfN(rapid.SliceOfN(field, width, width), 1, 8).Draw(t, "records")
		comma := rapid.SampledFrom([]rune{',', ';', '\t'}).Draw(t, "delimiter")
		var text bytes.Buffer
		w := csv.NewWriter(&text)
		w.Comma, w.UseCRLF = comma, rapid.Bool().Draw(t, "CRLF")
		if err := w.WriteAll(written); err != nil {
			t.Fatal(err)
		}
		library := csv.NewReader(bytes.NewReader(text.Bytes()))
		library.Comma, library.FieldsPerRecord = comma, -1
		want, err := library.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		r := New(bytes.NewReader(text.Bytes()), comma, 1<<20)
		r.Width, r.ID = width, rapid.IntRange(-1, width-1).Draw(t, "id")
		var got [][]string
		for {
			var record []string
			n, err := r.Next(func(field []byte) error {
				record = append(record, string(field))
				return nil
			})
			if err != nil {
				break
			}
			if n > 0 {
				got = append(got, record)
			}
			if r.Unclosed {
				t.Fatalf("a mark of %q is said to be unclosed", text.String())
			}
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Fatalf("%q is read as\n%q, want\n%q", text.String(), got, want)
		}
	})
}

// FuzzQuotes loses no line in which there is no quotation mark.
func FuzzQuotes(f *testing.F) {
	f.Add("8001015009087,\"Jan,Smit\n9001010001088,Piet,Botha\n8506155000084,\"a\nb\",c")
	f.Add("1,\"\n\"\"x\",\"\r2,\"\"\"\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		// A person on each second line, whatever is between.
		const person = "8001015009087,Thandeka,Mokoena"
		lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
		all := "ID Number,Name,Surname\n" + strings.Join(lines, "\n"+person+"\n") + "\n"
		r := New(strings.NewReader(all), ',', 1<<20)
		r.Width, r.ID = 3, 0
		found := 0
		for {
			var record []string
			_, err := r.Next(func(field []byte) error {
				record = append(record, string(field))
				return nil
			})
			if err != nil {
				break
			}
			if strings.Join(record, ",") == person {
				found++
			}
		}
		if len(lines) > 0 && found < len(lines)-1 {
			t.Fatalf("%d persons of %d in %q", found, len(lines)-1, all)
		}
	})
}
