package xls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"rollcall.example/services/workbook/xls/xlstest"
)

// A short stream is in small sectors, a long one in a table that the header cannot list.
func TestReadsContainersOfAnySize(t *testing.T) {
	for _, rows := range []int{1, 100, 300, 65_536} {
		var records []byte
		for i := range rows {
			records = append(records, label(i, 0, fmt.Sprintf("Row %d", i+1))...)
		}
		if rows > 1000 {
			for range 1100 { // pictures
				records = append(records, xlstest.Record(0x00EC, make([]byte, 8000))...)
			}
		}
		data := bookOf(records)
		last, n := "", 0
		err := open(t, data).Sheets[0].Rows(func(row *Row) bool {
			last, n = string(row.Cells[0].Text), n+1
			return true
		})
		if want := fmt.Sprintf("Row %d", rows); err != nil || last != want || n != rows {
			t.Errorf("%d bytes: %d rows, the last %q, error %v", len(data), n, last, err)
		}
	}
}

// smallStream returns the records of a small workbook.
func smallStream() []byte {
	return xlstest.Book{Sheets: []xlstest.Sheet{{Name: "Roll", Records: label(0, 0, "here")}}}.Stream()
}

func TestFindsTheWorkbookInTheContainer(t *testing.T) {
	other := xlstest.Book{Sheets: []xlstest.Sheet{{Name: "Old", Records: label(0, 0, "old")}}}.Stream()
	for name, streams := range map[string][]xlstest.Stream{
		"alone":                {{Name: "Workbook", Data: smallStream()}},
		"in capitals":          {{Name: "WORKBOOK", Data: smallStream()}},
		"behind the old one":   {{Name: "Book", Data: other}, {Name: "Workbook", Data: smallStream()}},
		"of Excel 5":           {{Name: "Book", Data: smallStream()}},
		"among others":         {{Name: "\x05Summary", Data: []byte("x")}, {Name: "Workbook", Data: smallStream()}},
		"with macros":          {{Name: "Workbook", Data: smallStream()}, {Name: "_VBA_PROJECT", Data: make([]byte, 9000)}},
		"with an empty stream": {{Name: "Ctls"}, {Name: "Workbook", Data: smallStream()}},
	} {
		t.Run(name, func(t *testing.T) {
			wantRows(t, open(t, xlstest.Container(streams...)).Sheets[0], "1|here")
		})
	}
	// Where the tree is broken, the directory is read from its beginning.
	data := xlstest.Container(xlstest.Stream{Name: "Workbook", Data: smallStream()})
	binary.LittleEndian.PutUint32(data[directoryOf(data)+76:], 0xFFFFFFFF)
	wantRows(t, open(t, data).Sheets[0], "1|here")
}

// directoryOf returns where the directory of a container begins.
func directoryOf(data []byte) int { return 512 + int(le32(data[48:]))*512 }

func TestSaysWhatAFileIs(t *testing.T) {
	pass := xlstest.Book{Globals: xlstest.Record(recFilePass, 1, 1, 1), Sheets: []xlstest.Sheet{{Name: "S"}}}
	for name, data := range map[string][]byte{
		"an old one": pass.Bytes(),
		"a new one":  xlstest.Container(xlstest.Stream{Name: "EncryptedPackage", Data: make([]byte, 5000)}),
		"a sheet": slices.Concat(xlstest.Record(recBOF2, 2, 0x10), xlstest.Record(recFilePass, 1, 1),
			xlstest.Record(recEOF)),
	} {
		if _, err := openBytes(data, wide); !errors.Is(err, ErrPassword) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	wantKind(t, xlstest.Container(xlstest.Stream{Name: "WordDocument", Data: make([]byte, 5000)}), "Word")
	wantKind(t, xlstest.Container(xlstest.Stream{Name: "PowerPoint Document", Data: make([]byte, 5000)}), "PowerPoint")
	wantKind(t, xlstest.Container(xlstest.Stream{Name: "__properties_version1.0"}), "Outlook")
	wantKind(t, xlstest.Container(xlstest.Stream{Name: "Anything"}), "another program")
	wantKind(t, xlstest.Container(), "another program")
}

func TestListsTheSheets(t *testing.T) {
	book := xlstest.Book{Sheets: []xlstest.Sheet{{Name: "Роли", Records: label(0, 0, "a")}, {Name: "Hidden", State: 1},
		{Name: "Deep", State: 2}}}
	w := open(t, book.Bytes())
	got := ""
	for _, s := range w.Sheets {
		got += fmt.Sprintf("%s %v %v;", s.Name, s.Hidden, s.VeryHidden)
	}
	if got != "Роли false false;Hidden true false;Deep true true;" {
		t.Error(got)
	}
	// A chart is no sheet, and one that is not where it should be is missing.
	charts := xlstest.Book{
		Globals: slices.Concat(xlstest.Record(recBoundSheet, uint32(0), byte(0), byte(2), byte(5), "\x00Chart"),
			xlstest.Record(recBoundSheet, uint32(4), byte(0), byte(0), byte(4), "\x00Gone"),
			xlstest.Record(recBoundSheet, uint32(1<<30), byte(0), byte(0), byte(3), "\x00Far")),
		Sheets: []xlstest.Sheet{{Name: "Here", Records: label(0, 0, "a")}}}
	w = open(t, charts.Bytes())
	if len(w.Sheets) != 1 || w.Sheets[0].Name != "Here" || !slices.Equal(w.Missing, []string{"Gone", "Far"}) {
		t.Errorf("sheets %v, missing %q", w.Sheets, w.Missing)
	}
}

// Whoever writes a file that never ends, or that takes more than it may, is refused.
func TestRefusesWhatIsTooMuch(t *testing.T) {
	many := func(change func(*Limits)) Limits {
		l := wide
		change(&l)
		return l
	}
	book := xlstest.Book{Formats: []string{"0", "00"}, Styles: []int{0, 1, 2},
		Sheets: []xlstest.Sheet{{Name: "One", Records: label(0, 0, "12345678")}, {Name: "Two"}}}.Bytes()
	for of, limits := range map[string]Limits{
		"sheets":             many(func(l *Limits) { l.Sheets = 1 }),
		"styles of cells":    many(func(l *Limits) { l.Styles = 2 }),
		"bytes of names":     many(func(l *Limits) { l.Names = 5 }),
		"bytes of a row":     many(func(l *Limits) { l.Row = 7 }),
		"parts":              many(func(l *Limits) { l.Entries = 0 }),
		"formats of numbers": many(func(l *Limits) { l.Styles = 2 }),
	} {
		data := book
		if of == "formats of numbers" {
			data = xlstest.Book{Formats: []string{"0", "00", "000"}, Sheets: []xlstest.Sheet{{Name: "S"}}}.Bytes()
		}
		w, err := openBytes(data, limits)
		if err == nil {
			_, err = readRows(w.Sheets[0])
		}
		if limit, ok := errors.AsType[*LimitError](err); !ok || limit.Of != of {
			t.Errorf("%s: error %v", of, err)
		}
	}
	if _, err := Open(bytes.NewReader(book), maxSize+1, wide); err == nil {
		t.Error("a file of more than 2 GB is opened")
	}
}

// damage changes four bytes of a file.
func damage(data []byte, at int, n uint32) []byte {
	data = bytes.Clone(data)
	binary.LittleEndian.PutUint32(data[at:], n)
	return data
}

func TestEndsInCircles(t *testing.T) {
	data := bookOf(label(0, 0, "a"), xlstest.Record(0x00EC, make([]byte, 8000)))
	table := 512 + int(le32(data[76:]))*512
	start := int(le32(data[directoryOf(data)+entrySize+116:]))
	for name, hostile := range map[string][]byte{
		"the stream":            damage(damage(data, table+4*start+4, uint32(start)), directoryOf(data)+entrySize+120, 1<<31),
		"the directory":         damage(data, table+4*int(le32(data[48:])), le32(data[48:])),
		"the tree":              damage(data, directoryOf(data)+entrySize+68, 1),
		"the list of the table": damage(damage(damage(data, 68, 1), 512+512+508, 1), 76, 0xFFFFFFFF),
	} {
		t.Run(name, func(t *testing.T) {
			w, err := openBytes(hostile, wide)
			if err == nil {
				_, err = readRows(w.Sheets[0])
			}
			if name == "the tree" && err != nil {
				t.Error(err)
			}
			if name != "the tree" && err == nil {
				t.Error("it is read")
			}
		})
	}
}

// What was cut off does not pass for whole.
func TestAFileThatIsCutOffIsNotRead(t *testing.T) {
	stream := xlstest.Book{Strings: xlstest.Shared(40, "one", "two"), Styles: []int{0},
		Sheets: []xlstest.Sheet{{Name: "Roll", Records: slices.Concat(label(0, 0, "a"), label(1, 0, "b"))}}}.Stream()
	for n := range len(stream) {
		w, err := openBytes(xlstest.Container(xlstest.Stream{Name: "Workbook", Data: stream[:n]}), wide)
		if err == nil && len(w.Sheets) > 0 {
			_, err = readRows(w.Sheets[0])
		}
		if err == nil && len(w.Missing) == 0 {
			t.Errorf("cut at %d of %d: it is read", n, len(stream))
		}
	}
	data := xlstest.Container(xlstest.Stream{Name: "Workbook", Data: stream})
	for n := range len(data) {
		w, err := openBytes(data[:n], wide)
		if err == nil && len(w.Sheets) > 0 {
			_, _ = readRows(w.Sheets[0]) // the end is padding
		}
	}
}

// A failure of the reader is not the fault of the file.
func TestPassesOnTheFailureOfTheReader(t *testing.T) {
	data := xlstest.Roll([]string{"ID Number", "Name"}, []string{"8001015009087", "Thabo"})
	broken := errors.New("the disk is gone")
	whole := 0
	for reads := 0; whole == 0; reads++ {
		w, err := Open(&failingReader{data, reads, broken}, int64(len(data)), wide)
		if err == nil {
			_, err = readRows(w.Sheets[0])
		}
		switch {
		case err == nil:
			whole = reads
		case !errors.Is(err, broken):
			t.Fatalf("after %d reads: %v", reads, err)
		}
	}
	if whole < 3 {
		t.Errorf("%d reads are enough", whole)
	}
}

// FuzzXLS changes workbooks. It expects rows or an error, and never a panic, an endless
// loop or more than there is.
func FuzzXLS(f *testing.F) {
	record := xlstest.Record
	f.Add(xlstest.Roll([]string{"ID Number", "Name"}, []string{"8001015009087", "Дьяченко"}))
	f.Add(excel5(1251, "Zo\xEB"))
	f.Add(smallStream())
	f.Add(slices.Concat(record(recBOF2, 2, 0x10), record(recLabel2, 0, 0, "\x00\x00\x00", byte(4), "Name"),
		record(recEOF)))
	f.Add(bookOf(record(recFormula, 0, 0, 0, 0, uint32(0), 0xFFFF, 0, uint32(0), 0), record(recShrFmla, "x"),
		record(recString, 6, "\x00ab"), record(recContinue, "\x01\x16\x04\x17\x04"), record(recContinue, "\x00yz"),
		record(recMulRk, 4, 1, 0, uint32(6), 0, uint32(7), 2), record(recMulBlank, 3, 3, 0, 0, 4)))
	f.Add(xlstest.Book{Formats: []string{"dd/mm/yyyy"}, Styles: []int{0, 14, 164}, Strings: slices.Concat(
		record(recSST, uint32(1), uint32(1), 2, byte(13), 1, uint32(5), 0x416, 0x417, uint32(9), "5432"),
		record(recContinue, "1")),
		Sheets: []xlstest.Sheet{{Name: "S", Records: record(recLabelSst, 0, 0, 0, uint32(0))}}}.Stream())
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := openBytes(data, wide)
		if err != nil {
			return
		}
		for s := w.Strings(); ; {
			text, more, err := s.Next(nil)
			if err != nil {
				t.Fatal("no reader failed: ", err)
			}
			if len(text) > 4*65_535 {
				t.Fatal("a string is longer than any can be")
			}
			if !more {
				break
			}
		}
		for _, s := range w.Sheets {
			cells, last := 0, 0
			err := s.Rows(func(row *Row) bool {
				if cells += len(row.Cells); row.N <= last || row.N > s.LastRow || len(row.Cells) > maxColumns {
					t.Fatalf("row %d after %d of %d, with %d cells", row.N, last, s.LastRow, len(row.Cells))
				}
				last = row.N
				return true
			})
			if cells > maxColumns*len(data) || errors.Is(err, io.EOF) {
				t.Fatalf("%d cells of %d bytes, error %v", cells, len(data), err)
			}
		}
	})
}
