package workbook

import (
	"cmp"
	"context"
	"io"
	"slices"

	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

// preflightRows is how many stored rows of each sheet Preflight reads. They include
// every row that may be the header or tells what its columns hold.
const preflightRows = sampleRows

// Preflight tells from the first rows of each sheet whether a workbook of size
// bytes may be a roll. It refuses what Open and File.Roll refuse, as far as those
// rows show it. The header is the one that File.Roll will find.
//
// As with Open, an error that is no *refusal.Error means that r could not be read or
// that ctx has ended, which ends the reading within 100 ms.
func Preflight(
	ctx context.Context, r io.ReaderAt, size int64, budget Budget, columns []schema.Column,
) (header Header, err error) {
	file, err := Open(ctx, r, size, budget)
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
// *refusal.Error says why: refusal.CodeNoRows or CodeNoIDColumn.
func (f *File) Roll(columns []schema.Column) (*Sheet, Header, error) {
	sheets := slices.Clone(f.Sheets)
	slices.SortStableFunc(sheets, func(a, b *Sheet) int {
		return cmp.Compare(hiddenRank(a), hiddenRank(b))
	})
	index := newHeaderIndex(columns)
	var nearest []string
	headerOnly, rowsSeen := false, false
	for _, sheet := range sheets {
		header, known, data, err := sheet.findHeader(index)
		if err != nil {
			return nil, Header{}, err
		}
		if len(known) > len(nearest) {
			nearest = known
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

// findHeader finds the header of the sheet as headerFinder does. Data says whether a row
// below it shows anything, or any row where there is no header. It reads no further than
// it has to, and what it reads only once, unless rows are out of order.
func (s *Sheet) findHeader(index *headerIndex) (header Header, known []string, data bool, err error) {
	header, known, data, err = s.readHeader(index)
	if s.Reorder(err) {
		return s.readHeader(index)
	}
	return header, known, data, err
}

// orderRows is how many rows are read at least: if they are out of order, it shows.
const orderRows = 20

func (s *Sheet) readHeader(index *headerIndex) (header Header, known []string, data bool, err error) {
	finder := newHeaderFinder(index)
	last, stored := 0, 0 // last is the number of the last row that shows anything
	var widths []rowWidth
	for row, err := range s.Rows() {
		if err != nil {
			return Header{}, nil, false, err
		}
		stored++
		if row.Blank() {
			continue
		}
		finder.add(row)
		if s.csv != nil {
			widths = append(widths, row.width())
		}
		if last = row.N; last >= sampleRows && stored >= orderRows {
			break
		}
	}
	header, known = finder.header()
	if s.csv != nil {
		s.csv.noteHeader(header, widths)
	}
	// Where reading stopped early, the rest may hold rows.
	return header, known, last > header.Row || s.maxStored > 0 && stored >= s.maxStored, nil
}
