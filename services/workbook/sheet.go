package workbook

import (
	"archive/zip"
	"bytes"
	"errors"
	"iter"
)

// maxSlots is how many places for cells, blank ones left of others included, the
// rows of a sheet may have in all.
const maxSlots = 200_000_000

// Sheet is one sheet of a File.
type Sheet struct {
	Name   string
	Hidden bool

	file *File
	part *zip.File
	text *textRoll // instead of a part
	// most is how many stored rows are read; 0 means all.
	most int
	// claimed is the last row by the sheet's own word, 0 where it says none.
	claimed int
}

// Row is a row of a sheet.
type Row struct {
	// N is the row's number in the sheet, from 1.
	N int
	// Cells are from column A to the last one stored.
	Cells []Cell
}

// Blank says whether no cell of the row shows anything.
func (r Row) Blank() bool {
	for i := range r.Cells {
		if !r.Cells[i].Blank() {
			return false
		}
	}
	return true
}

// RowCount is the number of the last row, as far as the sheet said so when its
// rows were last read; 0 if it did not. It may be wrong.
func (s *Sheet) RowCount() int { return s.claimed }

// Rows yields the rows of the sheet from the top. Rows that are not stored do
// not come. The cells of a row are overwritten by the next. An error is the last
// thing yielded.
func (s *Sheet) Rows() iter.Seq2[Row, error] {
	if s.text != nil {
		return s.records
	}
	return func(yield func(Row, error) bool) {
		rc, err := s.part.Open()
		if err != nil {
			yield(Row{}, s.file.source.blame(unreadable(err)))
			return
		}
		defer func() { _ = rc.Close() }() // a reader
		r := rowReader{sheet: s, x: newScanner(rc)}
		switch err := r.read(func(row Row) bool { return yield(row, nil) }); {
		case err == nil, errors.Is(err, errStop):
		default:
			yield(Row{}, s.file.source.blame(unreadable(err)))
		}
	}
}

// records are the rows of a text.
func (s *Sheet) records(yield func(Row, error) bool) {
	stored := 0
	for row, err := range s.text.rows() {
		if err != nil {
			yield(Row{}, s.file.source.blame(unreadable(err)))
			return
		}
		if !yield(row, nil) {
			return
		}
		if stored++; stored == s.most {
			return
		}
	}
}

// errStop ends the reading early.
var errStop = errors.New("enough rows")

// rowReader reads the rows of a sheet.
type rowReader struct {
	sheet *Sheet
	x     *scanner
	row   Row
	slots int
	arena arena
	text  []byte // of the cell being read
}

// read visits the rows. The part is looked at to its end, so that one that was
// cut off is not taken for whole.
func (r *rowReader) read(visit func(Row) bool) error {
	data := false
	for {
		t, err := r.x.next()
		switch {
		case err != nil:
			return err
		case t == atEnd && !data:
			return errors.New("a sheet without data")
		case t == atEnd:
			return nil
		case t != opens || len(r.x.nest) == 1 && !r.x.empty:
			continue // the root
		}
		switch string(r.x.name) {
		case "dimension":
			err = r.dimension()
		case "sheetData":
			if data {
				return errors.New("two lists of rows")
			}
			data = true
			err = r.readRows(visit)
		default:
			err = r.x.skip()
		}
		if err != nil {
			return err
		}
	}
}

// dimension notes what the sheet says of its size.
func (r *rowReader) dimension() error {
	ref, err := r.x.attribute("ref")
	if err != nil {
		return err
	}
	if i := bytes.IndexByte(ref, ':'); i >= 0 {
		ref = ref[i+1:]
	}
	if _, row, ok := position(ref); ok {
		r.sheet.claimed = row
	}
	return r.x.skip()
}

func (r *rowReader) readRows(visit func(Row) bool) error {
	if r.x.empty {
		return nil
	}
	stored := 0
	for {
		t, err := r.x.next()
		switch {
		case err != nil:
			return err
		case t == closes:
			return nil
		case t == hasText:
			continue
		case t == atEnd:
			return errXML
		case string(r.x.name) != "row":
			if err := r.x.skip(); err != nil {
				return err
			}
			continue
		}
		if err := r.readRow(); err != nil {
			return err
		}
		if !visit(r.row) {
			return errStop
		}
		if stored++; stored == r.sheet.most {
			return errStop
		}
	}
}

// readRow reads the row whose element was just opened. One that does not say
// which it is follows the one before.
func (r *rowReader) readRow() error {
	n := r.row.N + 1
	ref, err := r.x.attribute("r")
	if err != nil {
		return err
	}
	if ref != nil {
		column, row, ok := position(ref)
		if !ok || column != 0 {
			return errors.New("a row number out of range")
		}
		if row < n {
			return errors.New("a row that is out of order or there twice")
		}
		n = row
	}
	if n > maxRows {
		return errors.New("more rows than a sheet has")
	}
	r.row.N, r.row.Cells = n, r.row.Cells[:0]
	if r.x.empty {
		return nil
	}
	for {
		t, err := r.x.next()
		switch {
		case err != nil:
			return err
		case t == closes:
			if r.slots += len(r.row.Cells); r.slots > maxSlots {
				return tooMuch("cells")
			}
			return nil
		case t == hasText:
		case t == atEnd:
			return errXML
		case string(r.x.name) == "c":
			err = r.readCell()
		default:
			err = r.x.skip()
		}
		if err != nil {
			return err
		}
	}
}

// readCell reads the cell whose element was just opened. One that does not say
// where it stands follows the one before.
func (r *rowReader) readCell() error {
	var ref, style, kind []byte
	if err := r.x.attributes(func(name, value []byte) {
		if len(name) == 1 {
			switch name[0] {
			case 'r':
				ref = value
			case 's':
				style = value
			case 't':
				kind = value
			}
		}
	}); err != nil {
		return err
	}
	column := len(r.row.Cells) + 1
	if ref != nil {
		at, row, ok := position(ref)
		switch {
		case !ok || at == 0 || row != r.row.N:
			return errors.New("a cell reference out of range or of another row")
		case at < column:
			return errors.New("a cell that is out of order or there twice")
		}
		column = at
	}
	if column > maxColumns {
		return errors.New("more columns than a sheet has")
	}
	for len(r.row.Cells) < column {
		r.row.Cells = append(r.row.Cells, Cell{})
	}
	cell := &r.row.Cells[column-1]
	k, ok := storedKind(kind)
	if !ok {
		return errors.New("a cell of an unknown kind")
	}
	date := false
	if style != nil && k == storedNumber {
		n, ok := count(style)
		if !ok {
			return errors.New("a style that is no number")
		}
		date = n < len(r.sheet.file.dates) && r.sheet.file.dates[n]
	}
	return r.value(cell, k, date)
}

// value reads what is in a cell.
func (r *rowReader) value(cell *Cell, kind stored, date bool) error {
	if r.x.empty {
		return nil
	}
	r.text = r.text[:0]
	filled := false
	for {
		t, err := r.x.next()
		switch {
		case err != nil:
			return err
		case t == closes:
			if !filled {
				return nil
			}
			return r.convert(cell, kind, date)
		case t == hasText:
			continue
		case t == atEnd:
			return errXML
		}
		switch string(r.x.name) {
		case "v":
			filled = true
			r.text, err = r.x.content(r.text[:0])
		case "is":
			filled = true
			r.text, err = r.x.rich(r.text[:0])
		case "f":
			cell.Formula = true
			err = r.x.skip()
		default:
			err = r.x.skip()
		}
		if err != nil {
			return err
		}
	}
}

// convert makes the cell of its stored text.
func (r *rowReader) convert(cell *Cell, kind stored, date bool) error {
	file := r.sheet.file
	switch kind {
	case storedShared:
		n, ok := count(bytes.TrimSpace(r.text))
		if !ok {
			return errors.New("a shared string that does not exist")
		}
		text, err := file.strings.get(n)
		cell.Text = text
		return err
	case storedText:
		cell.Text = r.arena.add(unescape(r.text))
	case storedBool:
		switch string(bytes.TrimSpace(r.text)) {
		case "1", "true":
			cell.Text = "TRUE"
		case "0", "false":
			cell.Text = "FALSE"
		default:
			return errors.New("a cell that is neither true nor false")
		}
	case storedError:
		cell.Kind, cell.Text = Failed, r.arena.add(r.text)
	case storedDate:
		cell.setISO(r.arena.add(bytes.TrimSpace(r.text)))
	default:
		cell.setNumber(r.arena.add(bytes.TrimSpace(r.text)), date, file.Date1904)
	}
	return nil
}

// count reads the digits of a number that counts something.
func count(text []byte) (n int, ok bool) {
	for _, c := range text {
		if c < '0' || c > '9' || n > maxToken*100 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(text) > 0
}

// position returns the column and row, from 1, that a reference such as AB12
// means; the column of a row's number is 0. What no sheet has is refused.
func position(ref []byte) (column, row int, ok bool) {
	for _, b := range ref {
		switch {
		case b >= 'A' && b <= 'Z' && row == 0:
			column = column*26 + int(b-'A') + 1
		case b >= '0' && b <= '9':
			row = row*10 + int(b-'0')
		default:
			return 0, 0, false
		}
		if column > maxColumns || row > maxRows {
			return 0, 0, false
		}
	}
	return column, row, row > 0
}
