package workbook

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tealeg/xlsx/v3"
	"github.com/xuri/excelize/v2"

	"rollcall.example/schema"
)

// buildCorpus returns workbooks as two libraries write them: all kinds of cells,
// gaps, several sheets, shared and inline strings.
func buildCorpus(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"tealeg": buildTealegBook(t), "excelize": buildExcelizeBook(t),
		"excelize stream": streamExcelizeBook(t, 200, 6)}
	for _, name := range []string{"roll-500.xlsx", "hostile.xlsx"} {
		data, err := schema.Samples.ReadFile("samples/" + name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = data
	}
	return all
}

var corpusTexts = []string{"a", " b ", "", "<&>\"'", "ünï 🎉", "line\nbreak", "007", "=1+1", "x  y", "0", "TRUE"}

func buildTealegBook(t testing.TB) []byte {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	file := xlsx.NewFile()
	for n := range 3 {
		sheet, err := file.AddSheet(fmt.Sprintf("Sheet %d", n))
		if err != nil {
			t.Fatal(err)
		}
		for y := range 60 {
			row := sheet.AddRow()
			for x := range r.IntN(9) {
				c := row.AddCell()
				switch r.IntN(7) {
				case 0:
					c.SetInt(r.IntN(1_000_000))
				case 1:
					c.SetFloat(r.NormFloat64() * 1000)
				case 2:
					c.SetDate(time.Date(1950+r.IntN(100), time.Month(1+r.IntN(12)), 1+r.IntN(28), 0, 0, 0, 0, time.UTC))
				case 3:
					c.SetBool(y%2 == 0)
				case 4:
					c.SetStringFormula(`"f"&"x"`)
					c.Value = "fx"
				default:
					c.SetString(corpusTexts[(x+y)%len(corpusTexts)])
				}
			}
		}
	}
	return saveBook(t, file)
}

func buildExcelizeBook(t testing.TB) []byte {
	t.Helper()
	f := excelize.NewFile()
	r := rand.New(rand.NewPCG(3, 4))
	set := func(x, y int, v any) {
		name, err := excelize.CoordinatesToCellName(x, y)
		if err == nil {
			err = f.SetCellValue("Sheet1", name, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for y := 1; y < 120; y += 1 + r.IntN(3) {
		for x := 1; x < 30; x += 1 + r.IntN(6) {
			switch r.IntN(6) {
			case 0:
				set(x, y, r.IntN(100))
			case 1:
				set(x, y, r.Float64())
			case 2:
				set(x, y, time.Date(2000+r.IntN(30), 5, 6, r.IntN(24), 0, 0, 0, time.UTC))
			case 3:
				set(x, y, y%2 == 0)
			default:
				set(x, y, corpusTexts[(x+y)%len(corpusTexts)])
			}
		}
	}
	runs := []excelize.RichTextRun{{Text: "rich "}, {Text: "text", Font: &excelize.Font{Bold: true}}}
	if err := f.SetCellRichText("Sheet1", "A200", runs); err != nil {
		t.Fatal(err)
	}
	return writeBook(t, f)
}

// streamExcelizeBook writes inline strings, as streaming writers do.
func streamExcelizeBook(t testing.TB, rows, columns int) []byte {
	t.Helper()
	f := excelize.NewFile()
	w, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	values := make([]any, columns)
	for y := 1; y <= rows; y++ {
		for x := range values {
			switch x % 4 {
			case 0:
				values[x] = 8001015000000 + y
			case 1:
				values[x] = "Name " + strconv.Itoa(y%997)
			case 2:
				values[x] = corpusTexts[(x+y)%len(corpusTexts)]
			default:
				values[x] = float64(y) / 4
			}
		}
		if err := w.SetRow("A"+strconv.Itoa(y), values); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return writeBook(t, f)
}

func writeBook(t testing.TB, f *excelize.File) []byte {
	t.Helper()
	b, err := f.WriteToBuffer()
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The library that used to read uploads must read the same cells, apart from its
// known defects, which compareCells and hasKnownDefect name.
func TestReadsTheSameCellsAsTheLibrary(t *testing.T) {
	for name, data := range buildCorpus(t) {
		t.Run(name, func(t *testing.T) {
			compared, err := compareCells(data)
			if err != nil || compared < 200 {
				t.Errorf("%d cells compared: %v", compared, err)
			}
		})
	}
}

// compareCells compares what our reader and the library read of a workbook.
// errRefused means that ours refused it.
func compareCells(data []byte) (compared int, err error) {
	ours, err := openBytes(data)
	if err != nil {
		return 0, errors.Join(errRefused, err)
	}
	defer ours.Close()
	theirs, err := openWithLibrary(data)
	if err != nil {
		return 0, errRefusedByLibrary
	}
	if len(ours.Sheets) != len(theirs.Sheets) {
		return 0, fmt.Errorf("%d sheets, the library has %d", len(ours.Sheets), len(theirs.Sheets))
	}
	for i, sheet := range ours.Sheets {
		other := theirs.Sheets[i]
		if sheet.Name != other.Name || sheet.Hidden != other.Hidden {
			return compared, fmt.Errorf("sheet %q, the library has %q", sheet.Name, other.Name)
		}
		rows := make(map[int][]Cell)
		for row, err := range sheet.Rows() {
			if err != nil {
				return compared, err
			}
			rows[row.N] = append([]Cell(nil), row.Cells...)
		}
		err := other.ForEachRow(func(r *xlsx.Row) error {
			mine := rows[r.GetCoordinate()+1]
			delete(rows, r.GetCoordinate()+1)
			return r.ForEachCell(func(c *xlsx.Cell) error {
				x, y := c.GetCoordinates()
				want := expectedCell(c, theirs.Date1904)
				got := Cell{}
				if x < len(mine) {
					got = mine[x]
					mine[x] = Cell{}
				}
				compared++
				if c.Type() == xlsx.CellTypeInline {
					got.Text = strings.TrimSpace(got.Text) // the library trims inline strings
				}
				if got != want {
					return fmt.Errorf("%s!%s reads %+v, the library %+v", sheet.Name,
						xlsx.GetCellIDStringFromCoords(x, y), got, want)
				}
				return nil
			})
		}, xlsx.SkipEmptyRows)
		if err != nil {
			return compared, err
		}
		for n, cells := range rows {
			for x := range cells {
				if !cells[x].Blank() {
					return compared, fmt.Errorf("%s: row %d, column %d is there and the library does not have it",
						sheet.Name, n, x+1)
				}
			}
		}
	}
	return compared, nil
}

var (
	errRefused          = errors.New("refused")
	errRefusedByLibrary = errors.New("refused by the library")
)

func openWithLibrary(data []byte) (file *xlsx.File, err error) {
	defer func() {
		if recover() != nil {
			err = errRefusedByLibrary
		}
	}()
	return xlsx.OpenBinary(data, xlsx.ColLimit(maxColumns))
}

// expectedCell is the cell that our reader must read.
func expectedCell(c *xlsx.Cell, date1904 bool) Cell {
	cell := Cell{Text: c.Value, Formula: c.Formula() != ""}
	if len(cell.Text) > 32_767 && c.Type() != xlsx.CellTypeNumeric {
		cell.Text, cell.Cut = cell.Text[:32_767], true // of the samples, which are in ASCII there
	}
	switch c.Type() {
	case xlsx.CellTypeNumeric:
		cell.Text = ""
		if c.Value != "" {
			cell.setNumber(c.Value, isDateFormat(c.NumFmt), date1904)
		}
	case xlsx.CellTypeDate:
		cell.setISO(c.Value)
	case xlsx.CellTypeBool:
		cell.Text = map[string]string{"0": "FALSE", "1": "TRUE"}[c.Value]
	case xlsx.CellTypeError:
		cell.Kind = Failed
	default:
		for _, run := range c.RichText {
			cell.Text += run.Text
		}
	}
	return cell
}

func BenchmarkRead(b *testing.B) {
	const rows, columns = 100_000, 16
	data := streamExcelizeBook(b, rows, columns)
	report := func(b *testing.B, seen int) {
		b.Helper()
		if seen != rows*b.N {
			b.Fatalf("%d rows", seen)
		}
		b.ReportMetric(float64(seen)/b.Elapsed().Seconds(), "rows/s")
	}
	b.Run("rollcall", func(b *testing.B) {
		b.ReportAllocs()
		seen := 0
		for b.Loop() {
			f, err := Open(b.Context(), bytes.NewReader(data), int64(len(data)), Budget{})
			if err != nil {
				b.Fatal(err)
			}
			for row, err := range f.Sheets[0].Rows() {
				if err != nil || len(row.Cells) != columns {
					b.Fatal(len(row.Cells), err)
				}
				seen++
			}
			if err := f.Close(); err != nil {
				b.Fatal(err)
			}
		}
		report(b, seen)
	})
	b.Run("excelize", func(b *testing.B) {
		b.ReportAllocs()
		seen := 0
		for b.Loop() {
			f, err := excelize.OpenReader(bytes.NewReader(data))
			if err != nil {
				b.Fatal(err)
			}
			list, err := f.Rows("Sheet1")
			if err != nil {
				b.Fatal(err)
			}
			for list.Next() {
				if _, err := list.Columns(excelize.Options{RawCellValue: true}); err != nil {
					b.Fatal(err)
				}
				seen++
			}
			if err := errors.Join(list.Close(), f.Close()); err != nil {
				b.Fatal(err)
			}
		}
		report(b, seen)
	})
	b.Run("tealeg", func(b *testing.B) {
		b.ReportAllocs()
		seen := 0
		for b.Loop() {
			f, err := openWithLibrary(data)
			if err != nil {
				b.Fatal(err)
			}
			if err := f.Sheets[0].ForEachRow(func(r *xlsx.Row) error {
				seen++
				return r.ForEachCell(func(*xlsx.Cell) error { return nil })
			}); err != nil {
				b.Fatal(err)
			}
		}
		report(b, seen)
	})
}
