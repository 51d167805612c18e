package records

import "iter"

const (
	// denseColumns is how many columns a row writes whether they are filled or not:
	// so many are cheap, and every reader finds them by their place.
	denseColumns = 64
	// maxGap is how many empty cells, beyond those columns, stand between two
	// filled ones of the same list.
	maxGap = 16
)

// PackCells returns the texts of a row as Row and RejectedRow hold them: cells by
// their column, and those that stand apart with their column beside them. So a row
// of two cells takes the room of two cells, wherever they stand. Filled yields the
// columns, from 0 and ascending, and texts of the cells that are not empty. Columns
// is how many the header has; a narrow row gets a text for each of them.
func PackCells(filled iter.Seq2[int, string], columns int) (cells []string, far []FarCell) {
	if columns > denseColumns {
		columns = 0
	}
	cells = make([]string, 0, columns)
	for column, text := range filled {
		if far != nil || column >= denseColumns && column-len(cells) > maxGap {
			far = append(far, FarCell{column, text})
			continue
		}
		for len(cells) < column {
			cells = append(cells, "")
		}
		cells = append(cells, text)
	}
	for len(cells) < columns {
		cells = append(cells, "")
	}
	return cells, far
}

// Texts yields the columns, from 0 and ascending, and texts of the row's cells. It
// leaves out empty ones.
func (r *Row) Texts() iter.Seq2[int, string] { return texts(r.Cells, r.Far) }

// Texts is that of Row.
func (r *RejectedRow) Texts() iter.Seq2[int, string] { return texts(r.Cells, r.Far) }

func texts(cells []string, far []FarCell) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for column, text := range cells {
			if text != "" && !yield(column, text) {
				return
			}
		}
		for _, c := range far {
			if c.Text != "" && !yield(c.Column, c.Text) {
				return
			}
		}
	}
}
