package report

import (
	"slices"
	"sort"
)

const furtherName = "Further Columns"

// furtherColumns is the sheet of the upload's columns that the other sheets do not
// repeat. There is none where the upload has no such columns.
type furtherColumns struct {
	book  *workbook
	names []string
	sheet *sheetWriter // nil before there is something to write
	cells placedCells
}

// open adds the sheet, once.
func (f *furtherColumns) open() error {
	if f.sheet != nil {
		return nil
	}
	var err error
	if f.sheet, err = f.book.addSheet(furtherName); err != nil {
		return err
	}
	return f.sheet.writeHeader(slices.Concat([]string{"Sheet Row"}, f.names))
}

// writeRow writes the cells of a row that no other sheet has, and returns the
// others.
func (f *furtherColumns) writeRow(n int, list []placedCell) ([]placedCell, error) {
	at := sort.Search(len(list), func(i int) bool { return list[i].column >= maxRepeated })
	if at == len(list) {
		return list, nil
	}
	if err := f.open(); err != nil {
		return nil, err
	}
	for i := range list[at:] {
		list[at+i].column -= maxRepeated
	}
	if err := f.book.placeCells(&f.cells, list[at:]); err != nil {
		return nil, err
	}
	return list[:at], f.sheet.writeRow([]cell{intCell(n)}, &f.cells, plain)
}
