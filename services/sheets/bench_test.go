package sheets

import (
	"errors"
	"io"
	"strconv"
	"testing"

	"github.com/tealeg/xlsx/v3"
	"github.com/xuri/excelize/v2"
)

// BenchmarkWrite writes a sheet of 100,000 rows and 16 columns, half of them words
// that repeat, with this package and with two libraries that write workbooks in Go.
func BenchmarkWrite(b *testing.B) {
	const rows, columns = 100_000, 16
	value := func(row, column int) string {
		if column%2 == 0 {
			return "word " + strconv.Itoa((row+column)%50)
		}
		return "unique " + strconv.Itoa(row*columns+column)
	}
	report := func(b *testing.B) {
		b.Helper()
		b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	}
	b.Run("rollcall", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			book := newTestBook(b)
			s := newTestSheet(b, book, "Sheet1")
			cells := make([]Cell, columns)
			for row := range rows {
				for column := range cells {
					cells[column] = addText(b, book, value(row, column))
				}
				if err := s.WriteRow(0, cells); err != nil {
					b.Fatal(err)
				}
			}
			if err := book.Write(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
	b.Run("excelize", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f := excelize.NewFile()
			w, err := f.NewStreamWriter("Sheet1")
			if err != nil {
				b.Fatal(err)
			}
			cells := make([]any, columns)
			for row := range rows {
				for column := range cells {
					cells[column] = value(row, column)
				}
				if err := w.SetRow("A"+strconv.Itoa(row+1), cells); err != nil {
					b.Fatal(err)
				}
			}
			if err := errors.Join(w.Flush(), f.Write(io.Discard), f.Close()); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
	b.Run("tealeg", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f := xlsx.NewFile()
			s, err := f.AddSheet("Sheet1")
			if err != nil {
				b.Fatal(err)
			}
			for row := range rows {
				r := s.AddRow()
				for column := range columns {
					r.AddCell().SetString(value(row, column))
				}
			}
			if err := f.Write(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
}
