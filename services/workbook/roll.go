package workbook

import (
	"cmp"
	"io"
	"slices"

	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

// preflightRows is how many stored rows of each sheet Preflight reads. Rows up
// to the header's last possible one are among them.
const preflightRows = headerRows + 50

// Preflight says, without reading all of it, whether a workbook of size bytes
// may be a roll: what Open and File.Roll refuse is refused, as far as the first
// rows of each sheet tell. The header is the one that File.Roll will find.
func Preflight(r io.ReaderAt, size int64, limits Limits, columns []schema.Column) (header Header, err error) {
	file, err := Open(r, size, limits)
	if err != nil {
		return Header{}, err
	}
	defer func() { _ = file.Close() }() // a reader
	for _, sheet := range file.Sheets {
		sheet.most = preflightRows
	}
	_, header, err = file.Roll(columns)
	return header, err
}

// Roll finds the sheet that has a header with an ID column and a row below it,
// visible sheets first, in the workbook's order. The *refusal.Error says why there is
// none: refusal.CodeNoRows, refusal.CodeNoIDColumn or refusal.CodeDuplicateColumn.
func (f *File) Roll(columns []schema.Column) (*Sheet, Header, error) {
	sheets := slices.Clone(f.Sheets)
	slices.SortStableFunc(sheets, func(a, b *Sheet) int {
		return cmp.Compare(hiddenLast(a), hiddenLast(b))
	})
	var nearest []string
	headerOnly, rowsSeen := false, false
	for _, sheet := range sheets {
		top, err := sheet.top()
		if err != nil {
			return nil, Header{}, err
		}
		header, known, err := find(top, columns)
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
	return nil, Header{}, noIDColumn(nearest, columns)
}

func hiddenLast(s *Sheet) int {
	if s.Hidden {
		return 1
	}
	return 0
}

// top returns the rows that may be the header, blank ones left out.
func (s *Sheet) top() ([]Row, error) {
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
	// Where the reading stopped early the rest may hold rows.
	return s.most > 0 && stored >= s.most, nil
}
