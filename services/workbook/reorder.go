package workbook

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"rollcall.example/events/refusal"
)

const (
	// reorderLimit is how many bytes of memory the rows of a sheet may take that have to be
	// put in order: those of some 250,000 people.
	reorderLimit = 64 << 20
	reorderChunk = 1 << 20
)

// errOrder says that a row has a smaller number than the one before it.
var errOrder = refuse(refusal.CodeUnreadable, "The rows of the workbook are not in the order of their numbers. "+
	"Open it in a spreadsheet program, save it as a new .xlsx file and upload that.",
	errors.New("a row is out of order"))

// Reorder reports whether err, which Rows has yielded, only says that rows are out of
// order. Rows then yields them in the order of their numbers when it is called again, for
// which it holds them in memory, up to a limit. Their order is not looked at beforehand:
// hardly any file has them in another, and it would take as long as reading them.
func (s *Sheet) Reorder(err error) bool {
	if s.reordered || !errors.Is(err, errOrder) {
		return false
	}
	s.reordered = true
	return true
}

// OrderedRows is Rows for a caller that cannot begin again: rows that are out of order it
// puts in order. To know, it reads the sheet beforehand.
func (s *Sheet) OrderedRows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if _, ok := s.source.(xlsxSheet); ok && !s.reordered {
			for _, err := range s.Rows() {
				if s.Reorder(err) {
					break
				}
			}
		}
		s.Rows()(yield)
	}
}

// reorderSheet is readSheet for a sheet with rows out of order.
func (r *rowReader) reorderSheet(visit func(Row) bool) error {
	held := heldRows{limit: reorderLimit}
	var full error
	err := r.readSheet(func(row Row) bool {
		full = held.add(row)
		return full == nil
	})
	if full != nil {
		return full
	}
	if err != nil {
		return err
	}
	return held.visit(visit)
}

// heldRows are the rows of a sheet in memory.
type heldRows struct {
	limit  int // of bytes
	chunks [][]byte
	rows   []heldRow
	size   int
	row    []byte // the one being added
}

// heldRow says where a row is held.
type heldRow struct{ n, chunk, from int32 }

const heldRowSize = 12

// What a cell has, beside its kind in the first two bits.
const (
	heldFormula = 1 << (iota + 2)
	heldCut
	heldLost
	heldTwice
	heldNoResult
	heldDay
)

// add holds a row.
func (h *heldRows) add(row Row) error {
	b := binary.AppendUvarint(h.row[:0], uint64(len(row.Cells)))
	for i := range row.Cells {
		b = appendCell(b, &row.Cells[i])
	}
	h.row = b
	if h.size += len(b) + heldRowSize; h.size > h.limit {
		return exceeded("bytes of rows out of order", h.limit, "The rows of the workbook are not in the order of "+
			"their numbers, and they are too many to put them in it. Open it in a spreadsheet program, save it as a "+
			"new .xlsx file and upload that.")
	}
	last := len(h.chunks) - 1
	if last < 0 || len(h.chunks[last])+len(b) > cap(h.chunks[last]) {
		h.chunks = append(h.chunks, make([]byte, 0, max(reorderChunk, len(b))))
		last++
	}
	h.rows = append(h.rows, heldRow{int32(row.N), int32(last), int32(len(h.chunks[last]))})
	h.chunks[last] = append(h.chunks[last], b...)
	return nil
}

func appendCell(b []byte, cell *Cell) []byte {
	has := byte(cell.Kind) | bitIf(cell.Formula, heldFormula) | bitIf(cell.Cut, heldCut) | bitIf(cell.Lost, heldLost) |
		bitIf(cell.Twice, heldTwice) | bitIf(cell.NoResult, heldNoResult) | bitIf(!cell.Day.IsZero(), heldDay)
	b = append(b, has)
	b = binary.AppendUvarint(b, uint64(len(cell.Text)))
	b = append(b, cell.Text...)
	if has&heldDay != 0 {
		b = binary.AppendVarint(b, cell.Day.Unix())
	}
	return b
}

func bitIf(is bool, bit byte) byte {
	if is {
		return bit
	}
	return 0
}

// visit visits the rows in the order of their numbers. Rows of one number are one row.
func (h *heldRows) visit(visit func(Row) bool) error {
	slices.SortStableFunc(h.rows, func(a, b heldRow) int { return int(a.n - b.n) })
	var row Row
	var texts arena
	for i := 0; i < len(h.rows); {
		row.N, row.Cells = int(h.rows[i].n), row.Cells[:0]
		for ; i < len(h.rows) && int(h.rows[i].n) == row.N; i++ {
			b := h.chunks[h.rows[i].chunk][h.rows[i].from:]
			count, n := binary.Uvarint(b)
			b = b[n:]
			for column := range int(count) {
				var cell Cell
				cell, b = cutCell(b, &texts)
				if column == len(row.Cells) {
					row.Cells = append(row.Cells, cell)
				} else if err := row.Cells[column].mergeWith(cell, row.N); err != nil {
					return err
				}
			}
		}
		if !visit(row) {
			return nil
		}
	}
	return nil
}

// cutCell returns the cell that b begins with, and what is behind it.
func cutCell(b []byte, texts *arena) (Cell, []byte) {
	has := b[0]
	length, n := binary.Uvarint(b[1:])
	b = b[1+n:]
	cell := Cell{
		Text: texts.add(b[:length]), Kind: Kind(has & 3), Formula: has&heldFormula != 0, Cut: has&heldCut != 0,
		Lost: has&heldLost != 0, Twice: has&heldTwice != 0, NoResult: has&heldNoResult != 0,
	}
	b = b[length:]
	if has&heldDay != 0 {
		seconds, n := binary.Varint(b)
		cell.Day, b = time.Unix(seconds, 0).UTC(), b[n:]
	}
	return cell, b
}

// mergeWith adds to a cell of row n what another row of that number has in its place.
// Where both show something, one of them could be another person's.
func (c *Cell) mergeWith(other Cell, n int) error {
	switch {
	case other.Blank() || *c == other:
	case c.Blank():
		*c = other
	default:
		return refuse(refusal.CodeUnreadable, fmt.Sprintf("Two rows of the workbook have the number %d, and different "+
			"cells. Open it in a spreadsheet program, check whether all rows are there, save it as a new .xlsx file "+
			"and upload that.", n), nil)
	}
	return nil
}
