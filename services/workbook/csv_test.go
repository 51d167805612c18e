package workbook

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

// showCells lists the cells of a file's first sheet as A1=text, without blank ones.
func showCells(t *testing.T, data []byte) string {
	t.Helper()
	file, err := openBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var got []string
	for row, err := range file.Sheets[0].Rows() {
		if err != nil {
			t.Fatal(err)
		}
		for i, cell := range row.Cells {
			if !cell.Blank() {
				got = append(got, fmt.Sprintf("%c%d=%s", 'A'+i, row.N, cell.Text))
			}
		}
	}
	return strings.Join(got, " ")
}

func TestCSV(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"commas": {"ID Number,Name\n8001015009087,Thabo\n", "A1=ID Number B1=Name A2=8001015009087 B2=Thabo"},
		"semicolons": {"ID Number;Name\r\n8001015009087;\"Nkosi; T\"\r\n",
			"A1=ID Number B1=Name A2=8001015009087 B2=Nkosi; T"},
		"tabs": {"ID Number\tName\n8001015009087\tA, B, C\n",
			"A1=ID Number B1=Name A2=8001015009087 B2=A, B, C"},
		"bars": {"ID Number|Amount\n8001015009087|10,50\n",
			"A1=ID Number B1=Amount A2=8001015009087 B2=10,50"},
		"named in the file": {"sep=;\r\nID Number;a,b,c\n1;2,3,4\n", "A1=ID Number B1=a,b,c A2=1 B2=2,3,4"},
		"one column": {"ID Number\n8001015009087\n\n8001015009088",
			"A1=ID Number A2=8001015009087 A4=8001015009088"},
		"titles above": {"Branch roll, Ward 7, 2024\n\nID Number;Name;Ward\n1;A;2\n",
			"A1=Branch roll, Ward 7, 2024 A3=ID Number B3=Name C3=Ward A4=1 B4=A C4=2"},
		"breaks in cells": {"ID Number,Address\n1,\"1 Acacia\nStreet\"\n\n2,b\n",
			"A1=ID Number B1=Address A2=1 B2=1 Acacia\nStreet A4=2 B4=b"},
		"stray quotes": {"ID Number,Name\n1,Jan \"Kleintjie\" Smit\n2,\"a\"\"b\"\n",
			"A1=ID Number B1=Name A2=1 B2=Jan \"Kleintjie\" Smit A3=2 B3=a\"b"},
		"records of different lengths": {"ID Number,Name\n1\n2,b,c\n", "A1=ID Number B1=Name A2=1 A3=2 B3=b C3=c"},
		"leading zeros": {"ID Number,Cell\n0001015009087,0821234567\n",
			"A1=ID Number B1=Cell A2=0001015009087 B2=0821234567"},
		"bare carriage returns": {"ID Number,Name\r1,A\r2,B", "A1=ID Number B1=Name A2=1 B2=A A3=2 B3=B"},
		"no known column":       {"a;b,c\n1;2,3\n4;5,6\n7;8\n", "A1=a B1=b,c A2=1 B2=2,3 A3=4 B3=5,6 A4=7 B4=8"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := showCells(t, []byte(tt.text)); got != tt.want {
				t.Errorf("cells %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCSVInAnyEncoding(t *testing.T) {
	text := "ID Number;Surname\r\n8001015009087;Mbäsa–Çelik\r\n"
	want := "A1=ID Number B1=Surname A2=8001015009087 B2=Mbäsa–Çelik"
	in := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, data := range map[string][]byte{
		"UTF-8":             []byte(text),
		"UTF-8 with a mark": []byte("\xEF\xBB\xBF" + text),
		"UTF-16LE with a mark": in(unicode.UTF16(unicode.LittleEndian,
			unicode.UseBOM).NewEncoder().Bytes([]byte(text))),
		"UTF-16BE with a mark": in(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().Bytes([]byte(text))),
		"UTF-16LE without mark": in(unicode.UTF16(unicode.LittleEndian,
			unicode.IgnoreBOM).NewEncoder().Bytes([]byte(text))),
		"UTF-16BE without mark": in(unicode.UTF16(unicode.BigEndian,
			unicode.IgnoreBOM).NewEncoder().Bytes([]byte(text))),
		"Windows-1252": in(charmap.Windows1252.NewEncoder().Bytes([]byte(text))),
	} {
		if got := showCells(t, data); got != want {
			t.Errorf("%s: cells %q, want %q", name, got, want)
		}
	}
	// The only letter that is not ASCII stands far down.
	far := "ID Number;Surname\n" + strings.Repeat("1;a\n", 20_000) + "2;M\xfcller\n"
	if got := showCells(t, []byte(far)); !strings.HasSuffix(got, "A20002=2 B20002=Müller") {
		t.Errorf("cells end with %q", got[len(got)-60:])
	}
}

func TestDigitsOfATextAreANumberUnlessZeroLeads(t *testing.T) {
	for text, want := range map[string]Kind{
		"821234567": Number, " 12 ": Number, "0821234567": Text, "1.5": Text, "12a": Text, "": Text,
		"1234567890123456": Text, "0": Text,
	} {
		if cell := parseTextCell(text); cell.Kind != want {
			t.Errorf("%q is of kind %d", text, cell.Kind)
		}
	}
}

func TestRefusesMalformedCSV(t *testing.T) {
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"a web page":              {"<html><body><table>", refusal.CodeNotAZip},
		"JSON":                    {`{"id":"8001015009087"}`, refusal.CodeNotAZip},
		"zeros":                   {"ID Number\n1\x00\x00\x01\x02", refusal.CodeNotAZip},
		"no column of ID numbers": {"name,age\nA,7\n", refusal.CodeNoIDColumn},
		"no rows":                 {"ID Number,Name\n\n\n", refusal.CodeNoRows},
		"too many columns": {"ID Number,Name\n1" + strings.Repeat(",", maxColumns) + "\n",
			refusal.CodeTooLarge},
		"an unusable separator": {"sep=\"\nID Number\n1\n", refusal.CodeUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			data := bytes.NewReader([]byte(tt.text))
			_, err := Preflight(t.Context(), data, data.Size(), Budget{}, columns)
			wantCode(t, err, tt.want)
		})
	}
	// A file must not have more rows than a sheet.
	long := []byte("ID Number\n" + strings.Repeat("\n", maxRows) + "1\n")
	if _, err := openBytes(long); err == nil || !strings.Contains(err.Error(), "more rows than 1048576") {
		t.Errorf("error %v", err)
	}
}

// FuzzCSV reads anything as a text of comma-separated values: rows in order, or a
// refusal.
func FuzzCSV(f *testing.F) {
	f.Add([]byte("ID Number;Name\r\n8001015009087;\"a\nb\"\r\n"))
	f.Add([]byte("\xFF\xFEI\x00D\x00,\x001\x00\n\x00"))
	f.Add([]byte("sep=|\nID Number|x\n1|\"2"))
	f.Add([]byte("ID\rM\xfcller\r"))
	f.Fuzz(func(t *testing.T, data []byte) {
		src := newMeter(t.Context(), bytes.NewReader(data), int64(len(data)), Budget{})
		defer src.cancel()
		file, err := openCSV(src, int64(len(data)))
		var refused *refusal.Error
		if err != nil {
			if len(data) > 0 && !errors.As(err, &refused) {
				t.Fatal(err)
			}
			return
		}
		last := 0
		for row, err := range file.Sheets[0].Rows() {
			if err != nil {
				if !errors.As(err, &refused) {
					t.Fatal(err)
				}
				return
			}
			if row.N <= last || len(row.Cells) == 0 {
				t.Fatalf("row %d of %d cells after row %d", row.N, len(row.Cells), last)
			}
			last = row.N
		}
		if last > file.Sheets[0].RowCount() {
			t.Fatalf("row %d of %d lines", last, file.Sheets[0].RowCount())
		}
	})
}

func BenchmarkReadCSV(b *testing.B) {
	var text bytes.Buffer
	text.WriteString("ID Number,A,B,C,D,E,F,G,H,I,J,K,L,M,N,O\n")
	const rows = 100_000
	for i := range rows {
		fmt.Fprintf(
			&text, "%013d,Thabo,Mokoena,0821234567,t@example.org,\"1 Acacia Street, Cape Town\",Male,African,SA,Zulu,"+
				"Teacher,Gauteng,JHB,79800001,2020-05-06,Active\n", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		file, err := Open(b.Context(), bytes.NewReader(text.Bytes()), int64(text.Len()), Budget{})
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range file.Sheets[0].Rows() {
			if err != nil {
				b.Fatal(err)
			}
		}
		if err := file.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}
