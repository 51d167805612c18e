package workbook

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode/utf32"
)

// readTexts returns the rows of a text, with the numbers of those that were mended.
func readTexts(t testing.TB, data []byte) (rows [][]string, faults map[int]Fault) {
	t.Helper()
	file, err := openBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	faults = map[int]Fault{}
	for row, err := range file.Sheets[0].Rows() {
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, cell := range row.Cells {
			texts = append(texts, cell.Text)
		}
		if row.Fields != len(texts) {
			t.Errorf("row %d has %d fields, and %d cells", row.N, row.Fields, len(texts))
		}
		rows = append(rows, texts)
		if row.Faults != 0 {
			faults[row.N] = row.Faults
		}
	}
	return rows, faults
}

func TestAStrayQuotationMarkTakesNoRowWithIt(t *testing.T) {
	const header = "ID Number,Name,Surname\n"
	for name, tt := range map[string]struct {
		text string
		want []string // fields joined with |, below the header
		mark []int    // rows with an unclosed mark
	}{
		"inside a field": {"8001015009087,Jan \"Klein\" x,Smit\n9001010001088,Piet,5\"\n",
			[]string{"8001015009087|Jan \"Klein\" x|Smit", "9001010001088|Piet|5\""}, nil},
		"text behind the closing mark": {"8001015009087,\"Jan\" x,\"Smit\"\"s\"y \n9001010001088,Piet,Botha\n",
			[]string{"8001015009087|Jan x|Smit\"sy ", "9001010001088|Piet|Botha"}, nil},
		"never closed": {"8001015009087,\"Jan,Smit\n9001010001088,Piet,Botha\n",
			[]string{"8001015009087|Jan,Smit", "9001010001088|Piet|Botha"}, []int{2}},
		"never closed, doubled ones below": {"8001015009087,Jan,\"Smit\n9001010001088,\"\",Botha\n",
			[]string{"8001015009087|Jan|Smit", "9001010001088||Botha"}, []int{2}},
		"in the last row": {"8001015009087,Jan,Smit\n9001010001088,Piet,\"Botha",
			[]string{"8001015009087|Jan|Smit", "9001010001088|Piet|Botha"}, []int{3}},
		"a quoted field below": {"8001015009087,\"Jan,Smit\n9001010001088,\"Piet, P\",Botha\n",
			[]string{"8001015009087|Jan,Smit", "9001010001088|Piet, P|Botha"}, []int{2}},
		"all quoted below": {"8001015009087,Jan,\"Smit\r\n\"9001010001088\",\"Piet\",\"Botha\"\r\n",
			[]string{"8001015009087|Jan|Smit", "9001010001088|Piet|Botha"}, []int{2}},
		"alone at two ends": {"8001015009087,Jan,\"\n9001010001088,Piet,\"\n8506155000084,Sam,Nkosi\n",
			[]string{"8001015009087|Jan|", "9001010001088|Piet|", "8506155000084|Sam|Nkosi"}, []int{2, 3}},
		"closed by another row": {"8001015009087,Jan,\"Smit\n9001010001088,Piet,Botha\n8506155000084,Sam,Nkosi\"\n",
			[]string{"8001015009087|Jan|Smit", "9001010001088|Piet|Botha", "8506155000084|Sam|Nkosi\""}, []int{2}},
		"a real break": {"8001015009087,\"Jan\nPiet, called \"\"P\"\"\",\"a\r\n\r\nb\"\n9001010001088,x,y\n",
			[]string{"8001015009087|Jan\nPiet, called \"P\"|a\n\nb", "9001010001088|x|y"}, nil},
		"a real break, text behind the mark": {"8001015009087,\"Jan\nPiet\"x,y\n",
			[]string{"8001015009087|Jan\nPietx|y"}, nil},
		"a real break and a number": {"8001015009087,\"Jan, born\nPiet\n0821234567\",y\n",
			[]string{"8001015009087|Jan, born\nPiet\n0821234567|y"}, nil},
		"all ends of lines": {"8001015009087,a,b\r9001010001088,c,d\r\n8506155000084,e,f\n",
			[]string{"8001015009087|a|b", "9001010001088|c|d", "8506155000084|e|f"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			rows, faults := readTexts(t, []byte(header+tt.text))
			var got []string
			for _, row := range rows[1:] {
				got = append(got, strings.Join(row, "|"))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("rows %q\nwant %q", got, tt.want)
			}
			if len(faults) != len(tt.mark) {
				t.Errorf("faults %v, want rows %v", faults, tt.mark)
			}
			for _, n := range tt.mark {
				if faults[n] != UnclosedQuote {
					t.Errorf("faults of row %d: %d", n, faults[n])
				}
			}
		})
	}
}

// An unclosed mark with much text behind it takes neither the file nor the time.
func TestUnclosedQuotationMarksAreReadInTime(t *testing.T) {
	for _, line := range []string{"1,\"abc\n", "1,\"a\"\"b\n", "1,\"\"\"\n", "1,\"\n", "1,\"\",\"\n", "1,2,\"\",x\n"} {
		text := "ID Number,Name\n1,\"x\n" + strings.Repeat(line, 100_000)
		rows, _ := readTexts(t, []byte(text))
		if len(rows) < 40_000 {
			t.Errorf("%q: %d rows", line, len(rows))
		}
	}
	rows, faults := readTexts(t, []byte("ID Number,Name\n1,\""+strings.Repeat("a,b\n", 1<<19)))
	if len(rows) != 1<<19+1 || faults[2] != UnclosedQuote {
		t.Errorf("%d rows, faults %v", len(rows), faults)
	}
}

func TestOddBytesAndCharactersAreMended(t *testing.T) {
	for name, tt := range map[string]struct {
		text, want string
		faults     map[int]Fault
	}{
		"a byte of Windows-1252 in UTF-8": {"ID Number,Name\n1,Zoë\n2,Ren\xE9\n3,Çelik\n",
			"A1=ID Number B1=Name A2=1 B2=Zoë A3=2 B3=René A4=3 B4=Çelik", map[int]Fault{3: OddBytes}},
		"half a character": {"ID Number,Name\n1,Zoë\n2,Ren\xC3\n",
			"A1=ID Number B1=Name A2=1 B2=Zoë A3=2 B3=RenÃ", map[int]Fault{3: OddBytes}},
		"a mark and a byte": {"\xEF\xBB\xBFID Number,Name\n1,Ren\xE9\n", "A1=ID Number B1=Name A2=1 B2=René",
			map[int]Fault{2: OddBytes}},
		"NUL": {"ID Number,Name\n1,Than\x00deka\n2,B\n", "A1=ID Number B1=Name A2=1 B2=Thandeka A3=2 B3=B",
			map[int]Fault{2: OddCharacters}},
		"the end of a file of DOS": {"ID Number,Name\n1,A\n\x1A", "A1=ID Number B1=Name A2=1 B2=A", nil},
		"line separators in a text": {"ID Number,Name\n1,A\u2028B\n",
			"A1=ID Number B1=Name A2=1 B2=A\u2028B", nil},
		"line separators alone": {"ID Number,Name\u20281,A\u20282,\"B\"",
			"A1=ID Number B1=Name A2=1 B2=A A3=2 B3=B", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := showCells(t, []byte(tt.text)); got != tt.want {
				t.Errorf("cells %q, want %q", got, tt.want)
			}
			if _, faults := readTexts(t, []byte(tt.text)); fmt.Sprint(faults) != fmt.Sprint(tt.faults) &&
				len(faults)+len(tt.faults) > 0 {
				t.Errorf("faults %v, want %v", faults, tt.faults)
			}
		})
	}
}

// rollOf returns the roll of a text, and the fields that its rows are said to have.
func rollOf(t *testing.T, text string) (file *File, sheet *Sheet, fields []int) {
	t.Helper()
	file, err := openBytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	sheet, header, err := file.Roll(readColumns(t))
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range sheet.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		if row.N > header.Row {
			fields = append(fields, row.FieldsBeside(len(header.Columns)))
		}
	}
	return file, sheet, fields
}

func TestFaultsAboveTheRowsAreToldOfTheFile(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":        {"ID Number,Name\n8001015009087,\"Jan\n", "[]"},
		"a mark":         {"ID Number,\"Name\n8001015009087,Jan\n", "[quote_unclosed]"},
		"a title's mark": {"\"Branch 7\nID Number,Name\n8001015009087,Jan\n", "[quote_unclosed]"},
		"a byte":         {"Zoë's R\xE9n\nID Number,Name\n8001015009087,Jan\n", "[bytes_unreadable]"},
		"a NUL":          {"ID\x00 Number,Name\n8001015009087,Jan\n", "[characters_left_out]"},
		"a NUL and the rule": {"ID Number,Name,W\x00ard\n" + strings.Repeat("8001015009087,Jan\n", 20),
			"[characters_left_out rows_uneven]"},
	} {
		file, sheet, _ := rollOf(t, tt.text)
		got := []string{}
		for _, w := range file.Warnings(sheet) {
			got = append(got, w.Code)
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s: warnings %v, want %s", name, got, tt.want)
		}
	}
}

// A row that is not as wide as the header is odd, unless it is the rule.
func TestFieldsAreCountedWhereRowsDiffer(t *testing.T) {
	const header = "ID Number,Name,Surname\n"
	whole := strings.Repeat("8001015009087,Jan,Smit\n", 9)
	for name, tt := range map[string]struct {
		text string
		want []int
	}{
		"one too few":     {"8001015009087,Jan\n", []int{2}},
		"one too many":    {"8001015009087,Jan,Smit,x\n", []int{4}},
		"blank ones more": {"8001015009087,Jan,Smit,, \n", []int{3}},
		"blank ones":      {"8001015009087,,\n", []int{3}},
		"a few": {whole + strings.Repeat("8001015009087,Jan\n", 7),
			append(slices.Repeat([]int{3}, 9), slices.Repeat([]int{2}, 7)...)},
		"most": {whole + strings.Repeat("8001015009087,Jan\n", 10), make([]int, 19)},
	} {
		if _, _, got := rollOf(t, header+tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%s: fields %v, want %v", name, got, tt.want)
		}
	}
	_, _, got := rollOf(t, "ID Number;Name;;\n8001015009087;Jan;;\n9001010001088;Piet\n")
	if fmt.Sprint(got) != "[2 2]" {
		t.Errorf("a header with blank ones: fields %v", got)
	}
}

func TestMoreEncodings(t *testing.T) {
	text := "ID Number,Name,Surname\r\n8001015009087,Zoë,Müller\r\n9001010001088,René,O’Brien-Ñandú\r\n"
	want := showCells(t, []byte(text))
	encode := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, data := range map[string][]byte{
		"Mac Roman":    encode(charmap.Macintosh.NewEncoder().Bytes([]byte(text))),
		"Windows-1252": encode(charmap.Windows1252.NewEncoder().Bytes([]byte(text))),
		"UTF-32LE with a mark": encode(utf32.UTF32(utf32.LittleEndian,
			utf32.UseBOM).NewEncoder().Bytes([]byte(text))),
		"UTF-32BE with a mark": encode(utf32.UTF32(utf32.BigEndian, utf32.UseBOM).NewEncoder().Bytes([]byte(text))),
		"UTF-32LE":             encode(utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM).NewEncoder().Bytes([]byte(text))),
		"UTF-32BE":             encode(utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM).NewEncoder().Bytes([]byte(text))),
	} {
		if got := showCells(t, data); got != want {
			t.Errorf("%s: cells %q, want %q", name, got, want)
		}
	}
}
