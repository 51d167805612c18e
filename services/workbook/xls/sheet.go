package xls

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	maxRows    = 1 << 16 // in a sheet: [MS-XLS] 2.5.243 RwU
	maxColumns = 1 << 8  // 2.5.53 ColU
)

// Sheet is a sheet of a workbook.
type Sheet struct {
	Name       string
	Hidden     bool
	VeryHidden bool // Excel does not offer to show it

	// What was seen when the rows were last read, before the first of them was visited.
	LastRow  int  // the number of the last row that has a cell
	Filtered bool // rows are hidden by a filter

	book  *Workbook
	begin int64
}

// Row is a row of a sheet.
type Row struct {
	N      int // its number in the sheet, from 1
	Hidden bool
	// Cells run from column A to the last one stored.
	Cells []Cell
}

// Kind is what a cell holds.
type Kind uint8

// The kinds of cells.
const (
	Blank  Kind = iota
	Text        // Cell.Text
	Shared      // the shared string Cell.Index
	Number      // Cell.Number
	Bool        // Cell.Index is 1 or 0
	Error       // Cell.Text is like #N/A
)

// Cell is a cell of a row.
type Cell struct {
	Kind  Kind
	Style int
	// Formula says that the value is the stored result of a formula.
	Formula bool
	// NoResult says that the file has no result of the formula. The cell is blank.
	NoResult bool
	// Twice says that the file gives the cell twice, with different content. This is the
	// last one that shows something.
	Twice  bool
	Index  int
	Number float64
	Text   []byte
}

// same reports whether two cells hold the same.
func (c *Cell) same(other *Cell) bool {
	return c.Kind == other.Kind && c.Index == other.Index && c.Number == other.Number && bytes.Equal(c.Text, other.Text)
}

// Rows visits the rows that have cells, from the top, until visit says false. Each row
// overwrites the one before.
func (s *Sheet) Rows(visit func(*Row) (more bool)) error {
	r := &rowReader{sheet: s, book: s.book, in: &records{src: s.book.src}}
	if err := r.survey(); err != nil {
		return fmt.Errorf("read sheet: %w", err)
	}
	if err := r.read(visit); err != nil {
		return fmt.Errorf("read sheet: %w", err)
	}
	return nil
}

// rowReader reads the rows of a sheet.
type rowReader struct {
	sheet *Sheet
	book  *Workbook
	in    *records
	depth int // of substreams: charts are inside a sheet

	cells    int // records that hold cells
	perRow   []uint32
	ordered  bool
	hidden   [maxRows / 64]uint64
	sequence []uint32 // where the records of cells are, by their rows; nil where they are in order

	row  Row
	text []byte // of the row
	// style is that of the next cell of BIFF2, where its own field is too small; -1 for none.
	style int
}

// isCell reports whether a record holds cells.
func isCell(kind uint16) bool {
	switch kind {
	case recBlank, recNumber, recLabel, recBoolErr, recFormula, recRK, recMulRk, recMulBlank, recLabelSst, recRString,
		recBlank2, recInteger2, recNumber2, recLabel2, recBoolErr2, recFormula3, recFormula4:
		return true
	}
	return false
}

// begin goes to the beginning of the sheet.
func (r *rowReader) begin() error {
	r.in.at, r.depth, r.style = r.sheet.begin, 1, -1
	_, _, err := readBOF(r.in)
	return err
}

// step goes to the next record of the sheet itself; io.EOF at its end. A sheet without an
// end was cut off.
func (r *rowReader) step() error {
	for {
		if err := r.in.next(); err != nil {
			return err
		}
		switch {
		case isBOF(r.in.kind):
			r.depth++
		case r.in.kind == recEOF:
			if r.depth--; r.depth == 0 {
				return io.EOF
			}
		case r.depth == 1:
			return nil
		}
	}
}

// survey reads the sheet once to see which rows are hidden, and whether the cells are in
// the order of the rows. Other programs than Excel write them column by column.
func (r *rowReader) survey() error {
	if err := r.begin(); err != nil {
		return err
	}
	s := r.sheet
	s.LastRow, s.Filtered = 0, false
	r.ordered, r.perRow = true, make([]uint32, maxRows)
	last := 0
	for {
		switch err := r.step(); {
		case errors.Is(err, io.EOF):
			return r.sort()
		case err != nil:
			return err
		case r.in.kind == recFilterMode:
			s.Filtered = true
		case r.in.kind == recFilePass:
			return ErrPassword
		case r.in.kind == recRow:
			if err := r.noteRow(); err != nil {
				return err
			}
		case isCell(r.in.kind):
			row, err := r.rowOf()
			if err != nil {
				return err
			}
			r.ordered = r.ordered && row >= last
			last = row
			s.LastRow = max(s.LastRow, row+1)
			r.perRow[row]++
			r.cells++
		}
	}
}

// noteRow notes whether a row is hidden: [MS-XLS] 2.4.224 Row, fDyZero.
func (r *rowReader) noteRow() error {
	body, err := r.in.body()
	if err != nil || len(body) < 14 {
		return err
	}
	if n := le16(body); body[12]&0x20 != 0 {
		r.hidden[n/64] |= 1 << (n % 64)
	}
	return nil
}

// rowOf returns the row of the record of a cell, from 0.
func (r *rowReader) rowOf() (int, error) {
	if r.in.length < 2 {
		return 0, errShort
	}
	head, err := r.in.load(r.in.begin+recordHead, 2)
	if err != nil {
		return 0, err
	}
	return int(le16(head)), nil
}

// maxUnordered is how many cells may be out of order: those of a full sheet of Excel 5.
const maxUnordered = 16_384 * maxColumns

// sort lists the records of cells by their rows, where the file does not.
func (r *rowReader) sort() error {
	defer func() { r.perRow = nil }()
	if r.ordered {
		return nil
	}
	if r.cells > maxUnordered {
		return &LimitError{"cells out of order", maxUnordered}
	}
	r.sequence = make([]uint32, r.cells)
	next := uint32(0)
	for i, n := range r.perRow {
		r.perRow[i], next = next, next+n
	}
	if err := r.begin(); err != nil {
		return err
	}
	for {
		err := r.step()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !isCell(r.in.kind) {
			continue
		}
		row, err := r.rowOf()
		if err != nil {
			return err
		}
		// No file is longer than maxSize, so that its offsets fit.
		r.sequence[r.perRow[row]] = uint32(r.in.begin)
		r.perRow[row]++
	}
}

// nextCell goes to the next record of cells, in the order of the rows; io.EOF behind the
// last one.
func (r *rowReader) nextCell() error {
	if r.ordered {
		for {
			if err := r.step(); err != nil || isCell(r.in.kind) {
				return err
			}
			if r.in.kind == recIXFE2 {
				if body, err := r.in.body(); err == nil && len(body) >= 2 {
					r.style = int(le16(body))
				}
			}
		}
	}
	if len(r.sequence) == 0 {
		return io.EOF
	}
	r.in.at = int64(r.sequence[0])
	r.sequence = r.sequence[1:]
	return r.in.next()
}

// read visits the rows.
func (r *rowReader) read(visit func(*Row) bool) error {
	if r.ordered {
		if err := r.begin(); err != nil {
			return err
		}
	}
	for {
		err := r.nextCell()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		ended, row := err != nil, 0
		if !ended {
			if row, err = r.rowOf(); err != nil {
				return err
			}
		}
		if r.row.N > 0 && (ended || row+1 != r.row.N) && !visit(&r.row) {
			return nil
		}
		if ended {
			return nil
		}
		if row+1 != r.row.N {
			r.row.N, r.row.Cells, r.text = row+1, r.row.Cells[:0], r.text[:0]
			r.row.Hidden = r.hidden[row/64]>>(row%64)&1 != 0
		}
		if err := r.readCells(); err != nil {
			return err
		}
	}
}
