package xls

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rollcall.example/services/workbook/xls/xlstest"
)

// However a program splits the shared strings, they are the same.
func TestSharedStringsAreSplitAnywhere(t *testing.T) {
	want := []string{"", "Thabo", "Дьяченко", "Müller", "😀 😀", strings.Repeat("ŵ", 40), strings.Repeat("x", 70), "end"}
	for most := 12; most < 120; most++ {
		data := xlstest.Book{Strings: xlstest.Shared(most, want...), Sheets: []xlstest.Sheet{{Name: "S"}}}.Bytes()
		if got := readStrings(t, open(t, data)); !slices.Equal(got, want) {
			t.Errorf("%d bytes a record: %q", most, got)
		}
	}
}

// The width of characters may change where a string goes on, and looks and pronunciation
// stand behind it, split as well.
func TestSharedStringsOfEachForm(t *testing.T) {
	body := xlstest.Record(0, 3, byte(0), "abc",
		4, byte(8), 2, "rich", uint32(1), uint32(2),
		2, byte(4), uint32(6), "ph", "123456",
		2, byte(13), 1, uint32(5), 0x416, 0x417, uint32(9), "54321",
		1, byte(0), "z")[recordHead:]
	want := []string{"abc", "rich", "ph", "ЖЗ", "z"}
	for cut := 1; cut < len(body); cut++ {
		rest := body[cut:]
		if isInside(cut) {
			if cut >= 47 && cut < 51 {
				if cut%2 == 0 {
					continue // half a character
				}
				rest = append([]byte{1}, rest...)
			} else {
				rest = append([]byte{0}, rest...)
			}
		}
		sst := append(xlstest.Record(recSST, uint32(5), uint32(5), body[:cut]), xlstest.Record(recContinue, rest)...)
		data := xlstest.Book{Strings: sst, Sheets: []xlstest.Sheet{{Name: "S"}}}.Bytes()
		if got := readStrings(t, open(t, data)); !slices.Equal(got, want) {
			t.Errorf("split at %d: %q", cut, got)
		}
	}
	sst := slices.Concat(xlstest.Record(recSST, uint32(1), uint32(1), 6, byte(0), "ab"), xlstest.Record(recContinue),
		xlstest.Record(recContinue, "\x01\x16\x04\x17\x04"), xlstest.Record(recContinue, "\x00yz"))
	data := xlstest.Book{Strings: sst, Sheets: []xlstest.Sheet{{Name: "S"}}}.Bytes()
	if got := readStrings(t, open(t, data)); !slices.Equal(got, []string{"abЖЗyz"}) {
		t.Errorf("widths: %q", got)
	}
}

// isInside reports whether characters of a string are left behind an offset, so that a
// record which goes on there begins with their width.
func isInside(at int) bool {
	return at >= 3 && at < 6 || at >= 11 && at < 15 || at >= 30 && at < 32 || at >= 47 && at < 51 || at == 63
}

// A string that is cut off is none, and what the record says of their number is not used.
func TestSharedStringsEndWhereTheyEnd(t *testing.T) {
	for name, sst := range map[string][]byte{
		"more stated":  xlstest.Record(recSST, uint32(1<<31), uint32(1<<31), xlstest.String("a")),
		"fewer stated": xlstest.Record(recSST, uint32(0), uint32(0), xlstest.String("a")),
		"cut off":      xlstest.Record(recSST, uint32(2), uint32(2), xlstest.String("a"), 9, byte(0), "bcd"),
		"endless runs": xlstest.Record(recSST, uint32(2), uint32(2), xlstest.String("a"), 1, byte(12), 65535,
			uint32(1<<31), "b"),
	} {
		data := xlstest.Book{Strings: sst, Sheets: []xlstest.Sheet{{Name: "S"}}}.Bytes()
		if got := readStrings(t, open(t, data)); !slices.Equal(got, []string{"a"}) {
			t.Errorf("%s: %q", name, got)
		}
	}
	data := xlstest.Book{Sheets: []xlstest.Sheet{{Name: "S"}}}.Bytes()
	if got := readStrings(t, open(t, data)); got != nil {
		t.Errorf("no strings: %q", got)
	}
}

// Half of a pair stands for nothing.
func TestHalfAPairOfUTF16IsReplaced(t *testing.T) {
	data := bookOf(xlstest.Record(recLabel, 0, 0, 0, 4, byte(1), 0xD83D, 0x61, 0xDE00, 0xD83D))
	wantRows(t, open(t, data).Sheets[0], "1|\uFFFDa\uFFFD\uFFFD")
}

// Excel 5 writes bytes of a code page.
func TestReadsCodePagesOfExcel5(t *testing.T) {
	for page, want := range map[int]string{1252: "Zoë", 1251: "Zoл", 850: "ZoÙ", 10000: "ZoÎ", 932: "Zo\uFFFD",
		9999: "Zoë"} {
		s := open(t, excel5(page, "Zo\xEB")).Sheets[0]
		wantRows(t, s, "1|"+want, "2|"+want)
		if s.Name != "Blad "+want {
			t.Errorf("code page %d: sheet %q", page, s.Name)
		}
	}
}

// excel5 is a workbook of Excel 5 in a code page.
func excel5(page int, text string) []byte {
	record := xlstest.Record
	name := "Blad " + text
	globals := func(at int) []byte {
		return slices.Concat(record(recBOF, 0x500, 5, 0, 0), record(recCodePage, page),
			record(recFormat, 164, byte(10), "dd/mm/yyyy"), record(recXF, 0, 164, make([]byte, 12)),
			record(recBoundSheet, uint32(at), 0, byte(len(name)), name), record(recEOF))
	}
	return xlstest.Container(xlstest.Stream{Name: "Book", Data: slices.Concat(globals(len(globals(0))),
		record(recBOF, 0x500, 0x10, 0, 0),
		record(recLabel, 0, 0, 0, len(text), text),
		record(recRString, 1, 0, 0, len(text), text, byte(1), byte(0), byte(0)),
		record(recEOF))})
}

// Programs that write no container write a single sheet, mostly as Excel 2 or 5 did.
func TestReadsSheetsWithoutAContainer(t *testing.T) {
	record := xlstest.Record
	for name, data := range map[string][]byte{
		"without a version": slices.Concat(record(recBOF, 0, 0x10, 0, 0), record(recLabel, 0, 0, 0, 4, "Name"),
			record(recNumber, 1, 0, 0, 7.0), record(recEOF)),
		"Excel 2": slices.Concat(record(recBOF2, 2, 0x10), record(recLabel2, 0, 0, "\x00\x00\x00", byte(4), "Name"),
			record(recInteger2, 1, 0, "\x00\x00\x00", 7), record(recEOF)),
		"Excel 2, numbers": slices.Concat(record(recBOF2, 2, 0x10), record(recLabel2, 0, 0, "\x00\x00\x00", byte(4), "Name"),
			record(recIXFE2, 70), record(recNumber2, 1, 0, "\x3F\x00\x00", 7.0), record(recEOF)),
		"Excel 3": slices.Concat(record(recBOF3, 3, 0x10, 0), record(recLabel, 0, 0, 0, 4, "Name"),
			record(recRK, 1, 0, 0, uint32(7<<2|2)), record(recEOF)),
		"Excel 4": slices.Concat(record(recBOF4, 4, 0x10, 0), record(recLabel, 0, 0, 0, 4, "Name"),
			record(recNumber, 1, 0, 0, 7.0), record(recEOF)),
	} {
		t.Run(name, func(t *testing.T) {
			if !Has(data) {
				t.Error("it is not known")
			}
			wantRows(t, open(t, data).Sheets[0], "1|Name", "2|7")
		})
	}
	formula := slices.Concat(record(recBOF2, 2, 0x10), record(recFormula, 0, 0, "\x00\x00\x00", 2.5, byte(0), byte(0)),
		record(recBoolErr2, 0, 1, "\x00\x00\x00", byte(1), byte(0)), record(recBlank2, 0, 2, "\x00\x00\x00"), record(recEOF))
	wantRows(t, open(t, formula).Sheets[0], "1|=2.5|TRUE|-")
	result := slices.Concat(record(recBOF4, 4, 0x10, 0), record(recFormula4, 0, 0, 0, 0, uint32(0), 0xFFFF, 0, 0),
		record(recString, 2, "ok"), record(recEOF))
	wantRows(t, open(t, result).Sheets[0], "1|=ok")
	if Has([]byte("ID Number,Name\n")) || Has([]byte("PK\x03\x04")) || Has(nil) {
		t.Error("a text is taken for a workbook")
	}
	_, err := openBytes(slices.Concat(record(recBOF4, 4, 0x100, 0), record(recEOF)), wide)
	if !errors.Is(err, ErrOld) {
		t.Errorf("a workspace of Excel 4: error %v", err)
	}
}

func TestFormats(t *testing.T) {
	record := xlstest.Record
	w := open(t, xlstest.Book{Globals: record(recDateMode, 1), Formats: []string{"dd/mm/yyyy", "[$-409]d mmmm", "ŷ"},
		Styles: []int{0, 14, 164, 165, 166}, Sheets: []xlstest.Sheet{{Name: "S"}}}.Bytes())
	got := ""
	for style := range w.Styles() + 1 {
		id, code := w.Format(style)
		got += fmt.Sprintf("%d %s;", id, code)
	}
	if got != "0 ;14 ;164 dd/mm/yyyy;165 [$-409]d mmmm;166 ŷ;0 ;" || !w.Date1904 {
		t.Errorf("formats %q, 1904 %v", got, w.Date1904)
	}
	if id, code := open(t, excel5(1252, "x")).Format(0); id != 164 || code != "dd/mm/yyyy" {
		t.Errorf("Excel 5: %d %q", id, code)
	}
	old := open(t, slices.Concat(record(recBOF2, 2, 0x10), record(recFormat2, byte(7), "General"),
		record(recFormat2, byte(8), "dd/mm/yy"), record(recXF2, byte(0), byte(0), byte(0)),
		record(recXF2, byte(0), byte(0), byte(0x41)), record(recEOF)))
	if id, code := old.Format(1); id != 1 || code != "dd/mm/yy" {
		t.Errorf("Excel 2: %d %q", id, code)
	}
}
