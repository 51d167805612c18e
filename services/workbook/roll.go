package workbook

import (
	"cmp"
	"io"
	"slices"

	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

// preflightRows is how many stored rows of each sheet Preflight reads. They include
// every row that may be the header.
const preflightRows = headerRows + 50

// Preflight tells from the first rows of each sheet whether a workbook of size
// bytes may be a roll. It refuses what Open and File.Roll refuse, as far as those
// rows show it. The header is the one that File.Roll will find.
func Preflight(r io.ReaderAt, size int64, limits Limits, columns []schema.Column) (header Header, err error) {
	file, err := Open(r, size, limits)
	if err != nil {
		return Header{}, err
	}
	defer func() { _ = file.Close() }() // a reader
	for _, sheet := range file.Sheets {
		sheet.maxStored = preflightRows
	}
	_, header, err = file.Roll(columns)
	return header, err
}

// Roll finds the sheet that has a header with an ID column and a row below it:
// visible sheets first, in the workbook's order. Where there is none, the
// *refusal.Error says why: refusal.CodeNoRows, CodeNoIDColumn or
// CodeDuplicateColumn.
func (f *File) Roll(columns []schema.Column) (*Sheet, Header, error) {
	sheets := slices.Clone(f.Sheets)
	slices.SortStableFunc(sheets, func(a, b *Sheet) int {
		return cmp.Compare(hiddenRank(a), hiddenRank(b))
	})
	var nearest []string
	headerOnly, rowsSeen := false, false
	for _, sheet := range sheets {
		top, err := sheet.readTop()
		if err != nil {
			return nil, Header{}, err
		}
		header, known, err := findHeader(top, columns)
		if err != nil {
			return nil, Header{}, err
		}
		if len(known) > len(nearest) {
			nearest = known
		}
		data, err := sheet.hasRowBelow(header.Row)
		if err != nil {
			return nil, Header{}, err
		}
		if header.Row > 0 && data {
			return sheet, header, nil
		}
		headerOnly = headerOnly || header.Row > 0
		rowsSeen = rowsSeen || data
	}
	if headerOnly || !rowsSeen {
		return nil, Header{}, refuse(refusal.CodeNoRows, "The workbook has no rows. "+
			"Fill in at least one row below the header and upload it again.", nil)
	}
	return nil, Header{}, refuseNoIDColumn(nearest, columns)
}

// hiddenRank sorts hidden sheets behind visible ones.
func hiddenRank(s *Sheet) int {
	if s.Hidden {
		return 1
	}
	return 0
}

// readTop returns the rows that may be the header, without blank ones.
func (s *Sheet) readTop() ([]Row, error) {
	var rows []Row
	for row, err := range s.Rows() {
		if err != nil {
			return nil, err
		}
		if row.N > headerRows {
			break
		}
		if !row.Blank() {
			row.Cells = slices.Clone(row.Cells)
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// hasRowBelow reports whether a row below the header shows anything.
func (s *Sheet) hasRowBelow(header int) (bool, error) {
	stored := 0
	for row, err := range s.Rows() {
		if err != nil {
			return false, err
		}
		stored++
		if row.N > header && !row.Blank() {
			return true, nil
		}
	}
	// Where reading stopped early, the rest may hold rows.
	return s.maxStored > 0 && stored >= s.maxStored, nil
}
