package sheets

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/tealeg/xlsx/v3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newTestBook(t testing.TB) *Book {
	t.Helper()
	plain, red := xlsx.NewStyle(), xlsx.NewStyle()
	red.Fill = *xlsx.NewFill(xlsx.Solid_Cell_Fill, "FFFFC7CE", "FFFFC7CE")
	red.ApplyFill = true
	b, err := New(Config{
		Looks:    []Look{{Style: plain}, {Style: red, Height: 24, WholeRow: true}},
		Formats:  []string{"@", "0", "yyyy-mm-dd"},
		SpoolDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func newTestSheet(t testing.TB, b *Book, name string) *Sheet {
	t.Helper()
	s, err := b.AddSheet(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func addText(t testing.TB, b *Book, value string) Cell {
	t.Helper()
	c, err := b.AddText(value)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func writeRow(t testing.TB, s *Sheet, look int, cells ...Cell) {
	t.Helper()
	if err := s.WriteRow(look, cells); err != nil {
		t.Fatal(err)
	}
}

func writeBook(t testing.TB, b *Book) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestTheLibraryReadsWhatIsWritten(t *testing.T) {
	b := newTestBook(t)
	first := newTestSheet(t, b, "First")
	first.Configure(func(s *xlsx.Sheet) { s.SetColWidth(1, 1, 33) })
	writeRow(t, first, 1, addText(t, b, "=1+1"), Cell{}, Number("45351", 2))
	writeRow(t, first, 0)
	writeRow(t, first, 0, Number("-0.5", 1), addText(t, b, "a"), addText(t, b, "a"))
	second := newTestSheet(t, b, "Second <&> 'sheet'")
	writeRow(t, second, 0, addText(t, b, "a"))
	newTestSheet(t, b, "Without rows")

	data := writeBook(t, b)
	book, err := xlsx.OpenBinary(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(book.Sheets) != 3 || book.Sheets[1].Name != "Second <&> 'sheet'" || book.Sheets[2].MaxRow > 1 {
		t.Fatalf("sheets %+v", book.Sheets)
	}
	sheet := book.Sheets[0]
	want := [][]struct{ value, format, fill string }{
		{{"=1+1", "@", "FFFFC7CE"}, {}, {"45351", "yyyy-mm-dd", "FFFFC7CE"}},
		{},
		{{"-0.5", "0", ""}, {"a", "@", ""}, {"a", "@", ""}},
	}
	if sheet.MaxRow != len(want) || sheet.MaxCol != 3 {
		t.Errorf("%d rows, %d columns", sheet.MaxRow, sheet.MaxCol)
	}
	for y, cells := range want {
		for x, w := range cells {
			if w.format == "" {
				continue // not written
			}
			c, err := sheet.Cell(y, x)
			if err != nil {
				t.Fatal(err)
			}
			if c.Value != w.value || c.NumFmt != w.format || c.GetStyle().Fill.FgColor != w.fill || c.Formula() != "" {
				t.Errorf("cell %d,%d is %q in %q on %q", y, x, c.Value, c.NumFmt, c.GetStyle().Fill.FgColor)
			}
		}
	}
	if width := sheet.Col(0).Width; width == nil || *width != 33 {
		t.Errorf("width %v", width)
	}
	parts := unzipParts(t, data)
	if s := parts["xl/worksheets/sheet1.xml"]; !strings.Contains(s, `<dimension ref="A1:C3"`) ||
		!strings.Contains(s, `<row r="1" ht="24" customHeight="1" s="`+b.styles[1][0]+`" customFormat="1"><c r="A1"`) ||
		strings.Contains(s, `r="B1"`) {
		t.Errorf("sheet1: %s", s)
	}
	if s := parts["xl/sharedStrings.xml"]; !strings.Contains(s, `count="4" uniqueCount="2"`) {
		t.Errorf("texts: %s", s)
	}
}

// unzipParts reads every file of a package, which checks its CRC, and checks that
// it is XML.
func unzipParts(t testing.TB, data []byte) map[string]string {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	parts := make(map[string]string)
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		part, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		d := xml.NewDecoder(bytes.NewReader(part))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
		}
		parts[f.Name] = string(part)
	}
	return parts
}

// Many chunks of several parts, compressed in parallel, come back in order, and the
// same each time.
func TestManyRowsComeBackInOrder(t *testing.T) {
	const rows = 30_000
	var sums [2][sha256.Size]byte
	for i := range sums {
		b := newTestBook(t)
		list := []*Sheet{newTestSheet(t, b, "All"), newTestSheet(t, b, "Every third")}
		for n := range rows {
			own := []Cell{addText(t, b, "unique "+strconv.Itoa(n)), addText(t, b, "word "+strconv.Itoa(n%50)),
				Number(strconv.Itoa(n), 1)}
			for k, s := range list {
				if n%(1+2*k) == 0 {
					if err := s.WriteRow(0, []Cell{Number(strconv.Itoa(n), 1)}, own); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		data := writeBook(t, b)
		sums[i] = sha256.Sum256(data)
		if i > 0 {
			break
		}
		unzipParts(t, data)
		book, err := xlsx.OpenBinary(data)
		if err != nil {
			t.Fatal(err)
		}
		for k, s := range book.Sheets {
			step := 1 + 2*k
			if s.MaxRow != rows/step {
				t.Fatalf("%s has %d rows", s.Name, s.MaxRow)
			}
			for y := range s.MaxRow {
				r, err := s.Row(y)
				if err != nil {
					t.Fatal(err)
				}
				n := y * step
				want := []string{strconv.Itoa(n), "unique " + strconv.Itoa(n), "word " + strconv.Itoa(n%50),
					strconv.Itoa(n)}
				for x, w := range want {
					if got := r.GetCell(x).Value; got != w {
						t.Fatalf("%s, row %d, column %d is %q, want %q", s.Name, y+1, x+1, got, w)
					}
				}
			}
		}
	}
	if sums[0] != sums[1] {
		t.Error("the same rows give other bytes")
	}
}

func TestTextsAreEscapedAsSpreadsheetProgramsDo(t *testing.T) {
	for in, want := range map[string]string{
		"a":           `<si><t>a</t></si>`,
		`<b a="1">&`:  `<si><t>&lt;b a="1"&gt;&amp;</t></si>`,
		" a":          `<si><t xml:space="preserve"> a</t></si>`,
		"a  b":        `<si><t xml:space="preserve">a  b</t></si>`,
		"a\tb\r\nc":   `<si><t xml:space="preserve">a&#x9;b&#xD;&#xA;c</t></si>`,
		"bell\a":      `<si><t>bell_x0007_</t></si>`,
		"\x1f":        `<si><t>_x001F_</t></si>`,
		"_x0041_":     `<si><t>_x005F_x0041_</t></si>`,
		"_x004_":      `<si><t>_x004_</t></si>`,
		"__x00e4__":   `<si><t>__x005F_x00e4__</t></si>`,
		"bad\xffbyte": "<si><t>bad\uFFFDbyte</t></si>",
		"\uFFFE":      "<si><t>\uFFFD</t></si>",
		"Zoë 🎉":       `<si><t>Zoë 🎉</t></si>`,
	} {
		if got := string(appendText(nil, in)); got != want {
			t.Errorf("%q is written %s, want %s", in, got, want)
		}
	}
}

func TestRefusesWhatDoesNotFit(t *testing.T) {
	b := newTestBook(t)
	if _, err := b.AddSheet(strings.Repeat("x", 32)); err == nil {
		t.Error("a name of 32 characters is accepted")
	}
	s := newTestSheet(t, b, "Wide")
	if err := s.WriteRow(0, make([]Cell, MaxColumns)); err != nil {
		t.Error(err)
	}
	if err := s.WriteRow(0, make([]Cell, MaxColumns+1)); err == nil {
		t.Error("a row that is too wide is accepted")
	}
	s.rows = MaxRows
	if err := s.WriteRow(0, nil); err == nil {
		t.Error("one row too many is accepted")
	}
}

var errFull = errors.New("disk full")

type fullDisk struct{ left int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestReportsADiskFailure(t *testing.T) {
	b := newTestBook(t)
	s := newTestSheet(t, b, "Sheet")
	for n := range 100 {
		writeRow(t, s, 0, addText(t, b, fmt.Sprint(n)))
	}
	if err := b.Write(&fullDisk{left: 100}); !errors.Is(err, errFull) {
		t.Errorf("writing to a full disk: %v", err)
	}

	b = newTestBook(t)
	s = newTestSheet(t, b, "Sheet")
	closed, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	spoolFile := b.spool.file
	b.spool.file = closed
	for err == nil && s.RowCount() < 200_000 {
		err = s.WriteRow(0, []Cell{Number("1", 1)})
	}
	if !errors.Is(err, os.ErrClosed) {
		t.Errorf("spooling to a broken file: %v", err)
	}
	if err := b.Write(io.Discard); !errors.Is(err, os.ErrClosed) {
		t.Errorf("writing after that: %v", err)
	}
	b.spool.file = spoolFile
}

// Rows of few cells far apart are as small as rows of few cells.
func TestEmptyCellsAreNotWritten(t *testing.T) {
	b := newTestBook(t)
	s := newTestSheet(t, b, "Wide")
	for range 2000 {
		if err := s.WriteRow(0, []Cell{Number("1", 1), {}}, []Cell{addText(t, b, "x").After(MaxColumns - 3)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.WriteRow(0, []Cell{Number("1", 1).After(MaxColumns)}); err == nil {
		t.Error("a cell right of the last column was written")
	}
	data := writeBook(t, b)
	if len(data) > 64<<10 {
		t.Errorf("%d bytes", len(data))
	}
	if got := strings.Count(unzipParts(t, data)["xl/worksheets/sheet1.xml"], `<c r="XFD`); got != 2000 {
		t.Errorf("%d cells in the last column", got)
	}
}

func TestABookIsNoLargerThanItMayBe(t *testing.T) {
	b, err := New(Config{Looks: []Look{{Style: xlsx.NewStyle()}}, Formats: []string{"@"}, SpoolDir: t.TempDir(),
		MaxSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s := newTestSheet(t, b, "Long")
	for i := 0; err == nil && i < 1_000_000; i++ {
		var c Cell
		sum := sha256.Sum256([]byte(strconv.Itoa(i)))
		if c, err = b.AddText(fmt.Sprintf("%x", sum)); err == nil {
			err = s.WriteRow(0, []Cell{c})
		}
	}
	if err == nil {
		err = b.Write(io.Discard)
	}
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v", err)
	}
}

// Long texts are not all remembered: a book of them would be in memory.
func TestTheTableOfTextsHoldsLittle(t *testing.T) {
	b := newTestBook(t)
	newTestSheet(t, b, "Long")
	long := strings.Repeat("x", 32_000)
	for i := range 2000 {
		addText(t, b, long+strconv.Itoa(i))
	}
	held := 0
	for _, m := range []map[string]uint32{b.strings.recent, b.strings.older} {
		for text := range m {
			held += len(text)
		}
	}
	if most := 2*generationBytes + 2*len(long) + 100; held > most {
		t.Errorf("%d bytes of texts held, want at most %d", held, most)
	}
}
