package workbook

import (
	"cmp"
	"context"
	"io"
	"slices"

	"rollcall.example/events"
	"rollcall.example/events/mappings"
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
) (Header, error) {
	header, _, err := PreflightMapped(ctx, r, size, budget, columns, nil)
	return header, err
}

// PreflightMapped is Preflight of a file of whose columns a person says something, as
// File.RollMapped has it.
func PreflightMapped(
	ctx context.Context, r io.ReaderAt, size int64, budget Budget, columns []schema.Column, m mappings.Mapping,
) (header Header, said *events.Mapping, err error) {
	file, err := Open(ctx, r, size, budget)
	if err != nil {
		return Header{}, nil, err
	}
	defer func() { _ = file.Close() }() // a reader
	for _, sheet := range file.Sheets {
		sheet.maxStored = preflightRows
	}
	_, header, said, err = file.RollMapped(columns, m)
	return header, said, err
}

// Roll finds the sheet that has a header with an ID column and a row below it:
// visible sheets first, in the workbook's order. Where there is none, the
// *refusal.Error says why: refusal.CodeNoRows or CodeNoIDColumn.
func (f *File) Roll(columns []schema.Column) (*Sheet, Header, error) {
	index := newHeaderIndex(columns)
	var nearest []string
	headerOnly, rowsSeen := false, false
	for _, sheet := range f.inOrder() {
		header, known, data, err := sheet.findHeader(func() *headerFinder { return newHeaderFinder(index) })
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
		return nil, Header{}, refuseNoRows()
	}
	return nil, Header{}, refuseNoIDColumn(nearest, columns)
}

func refuseNoRows() error {
	return refuse(refusal.CodeNoRows, "The workbook has no rows. "+
		"Fill in at least one row below the header and upload it again.", nil)
}

// inOrder returns the sheets, hidden ones behind visible ones.
func (f *File) inOrder() []*Sheet {
	sheets := slices.Clone(f.Sheets)
	slices.SortStableFunc(sheets, func(a, b *Sheet) int {
		return cmp.Compare(hiddenRank(a), hiddenRank(b))
	})
	return sheets
}

// hiddenRank sorts hidden sheets behind visible ones.
func hiddenRank(s *Sheet) int {
	if s.Hidden {
		return 1
	}
	return 0
}

// findHeader finds the header of the sheet as the finder does. Data says whether a row
// below it shows anything, or any row where there is no header. It reads no further than
// it has to, and what it reads only once, unless rows are out of order.
func (s *Sheet) findHeader(newFinder func() *headerFinder) (header Header, known []string, data bool, err error) {
	finder, top, err := s.readTop(newFinder)
	if err != nil {
		return Header{}, nil, false, err
	}
	header, known = finder.header()
	if s.csv != nil {
		s.csv.noteHeader(header, top.widths)
	}
	return header, known, top.hasBelow(header.Row), nil
}

// top is what the first rows of a sheet are like.
type top struct {
	last   int        // the number of the last row that shows anything
	early  bool       // reading stopped early, so that the rest may hold rows
	widths []rowWidth // of a text
}

// hasBelow reports whether a row below one shows anything.
func (t top) hasBelow(row int) bool { return t.last > row || t.early }

// readTop shows a finder the first rows of the sheet, and a new one where they are out
// of order.
func (s *Sheet) readTop(newFinder func() *headerFinder) (finder *headerFinder, t top, err error) {
	finder = newFinder()
	t, err = s.showTop(finder)
	if s.Reorder(err) {
		finder = newFinder()
		t, err = s.showTop(finder)
	}
	return finder, t, err
}

// orderRows is how many rows are read at least: if they are out of order, it shows.
const orderRows = 20

func (s *Sheet) showTop(finder *headerFinder) (t top, err error) {
	stored := 0
	for row, err := range s.Rows() {
		if err != nil {
			return top{}, err
		}
		stored++
		if row.Blank() {
			continue
		}
		finder.add(row)
		if s.csv != nil {
			t.widths = append(t.widths, row.width())
		}
		if t.last = row.N; t.last >= sampleRows && stored >= orderRows {
			break
		}
	}
	t.early = s.maxStored > 0 && stored >= s.maxStored
	return t, nil
}
