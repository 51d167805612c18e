package xls

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"rollcall.example/services/workbook/xls/xlstest"
)

var wide = Limits{Entries: 1000, Sheets: 100, Styles: 1000, Names: 1 << 16, Row: 1 << 20}

func openBytes(data []byte, limits Limits) (*Workbook, error) {
	return Open(bytes.NewReader(data), int64(len(data)), limits)
}

// open opens a workbook that is right.
func open(t *testing.T, data []byte) *Workbook {
	t.Helper()
	w, err := openBytes(data, wide)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// readStrings returns the shared strings.
func readStrings(t testing.TB, w *Workbook) (all []string) {
	t.Helper()
	for s := w.Strings(); ; {
		text, more, err := s.Next(nil)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return all
		}
		all = append(all, string(text))
	}
}

// show writes a cell as a test wants it.
func show(c Cell) string {
	text := ""
	switch c.Kind {
	case Blank:
		text = "-"
	case Text, Error:
		text = string(c.Text)
	case Shared:
		text = fmt.Sprintf("#%d", c.Index)
	case Number:
		text = strconv.FormatFloat(c.Number, 'g', -1, 64)
	case Bool:
		text = []string{"FALSE", "TRUE"}[c.Index]
	}
	for mark, set := range map[string]bool{"=": c.Formula} {
		if set {
			text = mark + text
		}
	}
	if c.NoResult {
		text += "?"
	}
	if c.Twice {
		text += "!"
	}
	return text
}

// readRows returns the rows of a sheet, one a line: the number and the cells.
func readRows(s *Sheet) (string, error) {
	var b strings.Builder
	err := s.Rows(func(row *Row) bool {
		fmt.Fprint(&b, row.N)
		if row.Hidden {
			b.WriteString("h")
		}
		for _, c := range row.Cells {
			b.WriteString("|" + show(c))
		}
		b.WriteString("\n")
		return true
	})
	return b.String(), err
}

// wantRows demands the rows of a sheet.
func wantRows(t *testing.T, s *Sheet, want ...string) {
	t.Helper()
	got, err := readRows(s)
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.Join(want, "\n")+"\n" {
		t.Errorf("rows\n%swant\n%s", got, strings.Join(want, "\n"))
	}
}

// bookOf is a workbook of one sheet of such records.
func bookOf(records ...[]byte) []byte {
	return xlstest.Book{Styles: []int{0}, Sheets: []xlstest.Sheet{
		{Name: "Roll", Records: bytes.Join(records, nil)}}}.Bytes()
}

// label is a text in a cell, of Excel 97.
func label(row, column int, text string) []byte {
	return xlstest.Record(recLabel, row, column, 0, xlstest.String(text))
}

// wantKind demands that a file is refused as something else.
func wantKind(t *testing.T, data []byte, what string) {
	t.Helper()
	_, err := openBytes(data, wide)
	if kind, ok := errors.AsType[*KindError](err); !ok || !strings.Contains(kind.What, what) {
		t.Errorf("error %v, want %q", err, what)
	}
}

// failingReader fails from a read on.
type failingReader struct {
	data  []byte
	reads int
	err   error
}

func (f *failingReader) ReadAt(p []byte, at int64) (int, error) {
	if f.reads--; f.reads < 0 {
		return 0, f.err
	}
	return bytes.NewReader(f.data).ReadAt(p, at)
}
