package xls

import (
	"math"
	"slices"
	"strings"
	"testing"

	"rollcall.example/services/workbook/xls/xlstest"
)

func TestReadsEachKindOfCell(t *testing.T) {
	record := xlstest.Record
	data := bookOf(
		record(recRow, 0, 0, 9, 255, 0, 0, uint32(0x100)),
		record(recLabelSst, 0, 0, 0, uint32(7)),
		label(0, 1, "Mokoena"),
		label(0, 2, "Дьяченко 😀"),
		record(recNumber, 0, 3, 0, 8001015009087.0),
		record(recRK, 0, 4, 0, uint32(12345<<2|2)),
		record(recRK, 0, 5, 0, uint32(12345<<2|3)),
		record(recRK, 0, 6, 0, uint32(0x40590000)),
		record(recBoolErr, 0, 7, 0, byte(1), byte(0)),
		record(recBoolErr, 0, 8, 0, byte(0x2A), byte(1)),
		record(recBlank, 0, 9, 0),
		record(recMulRk, 4, 1, 0, uint32(1<<2|2), 0, uint32(0xFFFFFFFC|2), 2),
		record(recMulBlank, 4, 3, 0, 0, 0, 5),
		record(recRString, 5, 0, 0, xlstest.String("rich"), 1, 0, 0),
		record(recNumber, 5, 1, 0, math.NaN()),
	)
	wantRows(t, open(t, data).Sheets[0],
		"1|#7|Mokoena|Дьяченко 😀|8.001015009087e+12|12345|123.45|100|TRUE|#N/A|-",
		"5|-|1|-1|-|-|-",
		"6|rich|#NUM!")
}

func TestReadsTheStoredResultsOfFormulas(t *testing.T) {
	record := xlstest.Record
	formula := func(row int, value ...any) []byte {
		return record(recFormula, append(append([]any{row, 0, 0}, value...), 3, uint32(0), 3, "\x1e\x01\x00")...)
	}
	special := func(row int, kind, value byte) []byte {
		return formula(row, kind, byte(0), value, byte(0), 0, 0xFFFF)
	}
	records := slices.Concat(
		formula(0, 12.5),
		special(1, 0, 0), record(recString, xlstest.String("Thabo")),
		special(2, 0, 0), record(recShrFmla, make([]byte, 10)), record(recString, xlstest.String("Naledi")),
		special(3, 0, 0), record(recArray, make([]byte, 14)), record(recContinue, "x"),
		record(recString, xlstest.String("Sipho")),
		special(4, 1, 1),
		special(5, 2, 0x07),
		special(6, 3, 0),
		special(7, 0, 0), label(8, 0, "below"),
		special(9, 9, 0),
		formula(10, 0.0),
		special(11, 0, 0),
	)
	book := xlstest.Book{Sheets: []xlstest.Sheet{{Name: "Roll", Records: records}}}
	want := []string{"1|=12.5", "2|=Thabo", "3|=Naledi", "4|=Sipho", "5|=TRUE", "6|=#DIV/0!", "7|=-?", "8|=-?", "9|below",
		"10|=-?", "11|=-?", "12|=-?"}
	wantRows(t, open(t, book.Bytes()).Sheets[0], want...)
	// Zero and the empty text are results where the program that wrote the file calculates.
	want[6], want[10] = "7|=", "11|=0"
	for _, mark := range [][]byte{record(recRecalcID, 0x1C1, 0, uint32(1)),
		record(recWriteAccess, "\x04\x00\x00Calc", strings.Repeat(" ", 105))} {
		book.Globals = mark
		wantRows(t, open(t, book.Bytes()).Sheets[0], want...)
	}
}

// A long result goes on in Continue records, each with a byte that says how wide the
// characters are.
func TestReadsALongResultOfAFormula(t *testing.T) {
	data := bookOf(
		xlstest.Record(recFormula, 0, 0, 0, 0, uint32(0), 0xFFFF, 0, uint32(0), 0),
		xlstest.Record(recString, 6, "\x00ab"), xlstest.Record(recContinue, "\x01\x16\x04\x17\x04"),
		xlstest.Record(recContinue), xlstest.Record(recContinue, "\x00yz"),
		label(0, 1, "right of it"))
	wantRows(t, open(t, data).Sheets[0], "1|=abЖЗyz|right of it")
}

func TestReadsRowsInTheirOrder(t *testing.T) {
	number := func(row, column int, n float64) []byte { return xlstest.Record(recNumber, row, column, 0, n) }
	hidden := xlstest.Record(recRow, 1, 0, 9, 255, 0, 0, uint32(0x120))
	for name, data := range map[string][]byte{
		"column by column": bookOf(number(0, 0, 1), number(1, 0, 2), number(3, 0, 3), number(0, 1, 4), number(1, 1, 5),
			number(3, 1, 6), hidden),
		"from the bottom": bookOf(number(3, 1, 6), number(3, 0, 3), number(1, 0, 2), hidden, number(1, 1, 5), number(0, 1, 4),
			number(0, 0, 1)),
		"as Excel does": bookOf(hidden, number(0, 0, 1), number(0, 1, 4), number(1, 0, 2), number(1, 1, 5), number(3, 0, 3),
			number(3, 1, 6)),
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, data).Sheets[0]
			wantRows(t, s, "1|1|4", "2h|2|5", "4|3|6")
			wantRows(t, s, "1|1|4", "2h|2|5", "4|3|6")
			if s.LastRow != 4 {
				t.Errorf("last row %d", s.LastRow)
			}
		})
	}
}

func TestSaysThatACellOccursTwice(t *testing.T) {
	data := bookOf(label(0, 0, "a"), label(0, 0, "b"), label(0, 1, "same"), label(0, 1, "same"), label(0, 2, "kept"),
		xlstest.Record(recBlank, 0, 2, 0))
	wantRows(t, open(t, data).Sheets[0], "1|b!|same|kept")
}

// Charts are substreams of a sheet and have cells of their own.
func TestLeavesOutTheCellsOfCharts(t *testing.T) {
	data := bookOf(label(0, 0, "a"), xlstest.Record(recBOF, 0x600, 0x20, 0, 0, uint32(0), uint32(0)), label(0, 0, "chart"),
		xlstest.Record(recEOF), xlstest.Record(recFilterMode), label(1, 0, "b"))
	s := open(t, data).Sheets[0]
	wantRows(t, s, "1|a", "2|b")
	if !s.Filtered {
		t.Error("the filter is not told")
	}
}

func TestStopsWhereTheCallerSays(t *testing.T) {
	seen := 0
	err := open(t, bookOf(label(0, 0, "a"), label(1, 0, "b"))).Sheets[0].Rows(func(*Row) bool { seen++; return false })
	if err != nil || seen != 1 {
		t.Errorf("%d rows, error %v", seen, err)
	}
}
