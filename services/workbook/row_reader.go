package workbook

import (
	"bytes"
	"errors"

	"rollcall.example/services/workbook/xmlscan"
)

// errEnough ends the reading early.
var errEnough = errors.New("enough rows")

// rowReader reads the rows of a sheet.
type rowReader struct {
	sheet *Sheet
	meter *meter
	x     *xmlscan.Scanner
	row   Row
	bytes int // of text in the row
	arena arena
	text  []byte // of the cell being read

	column     int  // of the last cell that was read
	again      bool // the row's number is that of the row element before
	anyOrder   bool // rows may be out of order
	hidden     bool
	hiddenRows int // that show something
	filtered   bool
}

// readSheet visits the rows. It reads the part to its end, so that a part that was
// cut off does not pass for whole.
func (r *rowReader) readSheet(visit func(Row) bool) error {
	data := false
	for {
		t, err := r.x.Next()
		switch {
		case err != nil:
			return err
		case t == xmlscan.End && !data:
			return errors.New("a sheet has no data")
		case t == xmlscan.End:
			return nil
		case t != xmlscan.Open || r.x.Depth() == 1 && !r.x.Empty:
			continue // the root element
		}
		switch string(r.x.Name) {
		case "dimension":
			err = r.readDimension()
		case "sheetData":
			if data {
				return errors.New("a sheet has two lists of rows")
			}
			data = true
			err = r.readRows(visit)
		case "filterColumn":
			r.filtered = true
			err = r.x.Skip()
		case "autoFilter":
			continue // its columns are inside
		default:
			err = r.x.Skip()
		}
		if err != nil {
			return err
		}
	}
}

// readDimension notes the size that the sheet states.
func (r *rowReader) readDimension() error {
	ref, err := r.x.Attribute("ref")
	if err != nil {
		return err
	}
	if i := bytes.IndexByte(ref, ':'); i >= 0 {
		ref = ref[i+1:]
	}
	if _, row, ok := parseReference(ref); ok {
		r.sheet.statedRows = row
	}
	return r.x.Skip()
}

// readRows visits the rows. Row elements of one number that follow one another are one
// row: some programs write an element for each cell.
func (r *rowReader) readRows(visit func(Row) bool) error {
	if r.x.Empty {
		return nil
	}
	begun := false
	finish := func() error {
		if !begun {
			return nil
		}
		if err := r.finishRow(); err != nil {
			return err
		}
		if !visit(r.row) {
			return errEnough
		}
		return nil
	}
	for {
		t, err := r.x.Next()
		switch {
		case err != nil:
			return err
		case t == xmlscan.Close:
			return finish()
		case t == xmlscan.Text:
			continue
		case t == xmlscan.End:
			return xmlscan.ErrMalformed
		case string(r.x.Name) != "row":
			if err := r.x.Skip(); err != nil {
				return err
			}
			continue
		}
		n, hidden, err := r.readRowNumber()
		if err != nil {
			return err
		}
		if r.again = begun && n == r.row.N; !r.again {
			if err := finish(); err != nil {
				return err
			}
			r.row.N, r.row.Cells, r.bytes, r.column, r.hidden = n, r.row.Cells[:0], 0, 0, false
			begun = true
		}
		r.hidden = r.hidden || hidden
		if err := r.readRow(); err != nil {
			return err
		}
	}
}

// readRowNumber returns the number of the row whose element was just opened, and whether
// it is hidden. A row without a number follows the one before.
func (r *rowReader) readRowNumber() (n int, hidden bool, err error) {
	var ref []byte
	err = r.x.VisitAttributes(func(name, value []byte) {
		switch string(name) {
		case "r":
			if ref == nil {
				ref = value
			}
		case "hidden":
			hidden = string(value) == "1" || string(value) == "true"
		}
	})
	if err == nil && bytes.IndexByte(ref, '&') >= 0 {
		ref, err = xmlscan.AppendText(nil, ref, false)
	}
	if err != nil {
		return 0, false, err
	}
	n = r.row.N + 1
	if ref != nil {
		column, row, ok := parseReference(ref)
		if !ok || column != 0 {
			return 0, false, errors.New("a row number is out of range")
		}
		if row < r.row.N && !r.anyOrder {
			return 0, false, errOrder
		}
		n = row
	}
	if n > maxRows {
		return 0, false, errors.New("more rows than a sheet has")
	}
	return n, hidden, nil
}

// readRow reads the cells of the row whose element was just opened.
func (r *rowReader) readRow() error {
	if r.x.Empty {
		return nil
	}
	for {
		t, err := r.x.Next()
		switch {
		case err != nil:
			return err
		case t == xmlscan.Close:
			return nil
		case t == xmlscan.Text:
		case t == xmlscan.End:
			return xmlscan.ErrMalformed
		case string(r.x.Name) == "c":
			err = r.readCell()
		default:
			err = r.x.Skip()
		}
		if err != nil {
			return err
		}
	}
}

// finishRow counts the row that was read.
func (r *rowReader) finishRow() error {
	if r.hidden && !r.row.Blank() {
		r.hiddenRows++
	}
	if len(r.row.Cells) == 0 {
		return nil
	}
	return r.meter.addRow(len(r.row.Cells), r.bytes)
}

// readCell reads the cell whose element was just opened. A cell without a reference
// follows the one before.
func (r *rowReader) readCell() error {
	var ref, style, kind []byte
	if err := r.x.VisitAttributes(func(name, value []byte) {
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
	column := r.column + 1
	if len(ref) > 0 {
		at, row, ok := parseReference(ref)
		if !ok || at == 0 || row != r.row.N {
			return errors.New("a cell reference is out of range or names another row")
		}
		column = at
	}
	if column > maxColumns {
		return errors.New("more columns than a sheet has")
	}
	r.column = column
	k := parseStorage(kind)
	date := false
	if k == storedNumber {
		// A style that is no number is none.
		n, ok := parseCount(style)
		date = ok && n < len(r.sheet.file.dates) && r.sheet.file.dates[n]
	}
	if column <= len(r.row.Cells) {
		return r.readCellAgain(column, k, date)
	}
	for len(r.row.Cells) < column {
		r.row.Cells = append(r.row.Cells, Cell{})
	}
	return r.readValue(&r.row.Cells[column-1], k, date)
}

// readCellAgain reads a cell left of others: it is out of order or given twice. The last
// one that shows something counts, as in other programs, and the cell says that another
// one was there. In a row that is given twice that could be another person.
func (r *rowReader) readCellAgain(column int, kind storage, date bool) error {
	var next Cell
	if err := r.readValue(&next, kind, date); err != nil {
		return err
	}
	cell := &r.row.Cells[column-1]
	switch {
	case r.again:
		return cell.mergeWith(next, r.row.N)
	case next.Blank() || *cell == next:
	case cell.Blank():
		*cell = next
	default:
		*cell = next
		cell.Twice = true
	}
	return nil
}

// readValue reads the content of a cell.
func (r *rowReader) readValue(cell *Cell, kind storage, date bool) error {
	if r.x.Empty {
		return nil
	}
	r.text = r.text[:0]
	filled := false
	for {
		t, err := r.x.Next()
		switch {
		case err != nil:
			return err
		case t == xmlscan.Close:
			if !filled {
				cell.NoResult = cell.Formula
				return nil
			}
			if err := r.convertCell(cell, kind, date); err != nil {
				return err
			}
			if r.bytes += len(cell.Text); r.bytes > r.meter.budget.Row {
				return rowTooLong(r.meter.budget.Row)
			}
			return nil
		case t == xmlscan.Text:
			continue
		case t == xmlscan.End:
			return xmlscan.ErrMalformed
		}
		switch string(r.x.Name) {
		case "v":
			filled = true
			r.text, err = r.x.AppendContent(r.text[:0])
		case "is":
			filled = true
			r.text, err = appendRichText(r.x, r.text[:0])
		case "f":
			cell.Formula = true
			err = r.x.Skip()
		default:
			err = r.x.Skip()
		}
		if err != nil {
			return r.meter.nameLongText(err)
		}
	}
}

// convertCell sets the cell from its stored text.
func (r *rowReader) convertCell(cell *Cell, kind storage, date bool) error {
	file := r.sheet.file
	if kind != storedText && len(bytes.TrimSpace(r.text)) == 0 {
		// Spreadsheet programs show a blank cell. A result that is an empty text is stored
		// as a text.
		cell.NoResult = cell.Formula
		return nil
	}
	if kind == storedText {
		r.text = unescape(r.text)
	}
	if len(r.text) > r.meter.budget.Cell {
		r.text, cell.Cut = r.meter.fitCell(r.text)
	}
	switch kind {
	case storedShared:
		n, ok := parseCount(bytes.TrimSpace(r.text))
		if !ok {
			cell.Lost = true
			return nil
		}
		var err error
		if cell.Text, cell.Cut, err = file.strings.get(n); errors.Is(err, errNoString) {
			cell.Lost, err = true, nil
		}
		return err
	case storedText:
		cell.Text = r.arena.add(r.text)
	case storedBool:
		switch string(bytes.TrimSpace(r.text)) {
		case "1", "true":
			cell.Text = "TRUE"
		case "0", "false":
			cell.Text = "FALSE"
		default:
			cell.Lost = true
		}
	case storedUnknown:
		cell.Lost = true
	case storedError:
		cell.Kind, cell.Text = Failed, r.arena.add(r.text)
	case storedDate:
		cell.setISO(r.arena.add(bytes.TrimSpace(r.text)))
	default:
		cell.setNumber(r.arena.add(bytes.TrimSpace(r.text)), date, file.Date1904)
	}
	return nil
}

// parseCount parses the digits of a count.
func parseCount(text []byte) (n int, ok bool) {
	for _, c := range text {
		if c < '0' || c > '9' || n > xmlscan.MaxToken*100 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(text) > 0
}

// parseReference returns the column and the row, from 1, of a reference such as
// AB12. A row number alone gives column 0. References beyond the size of a sheet
// are refused.
func parseReference(ref []byte) (column, row int, ok bool) {
	for _, b := range ref {
		switch {
		case b >= 'A' && b <= 'Z' && row == 0:
			column = column*26 + int(b-'A') + 1
		case b >= '0' && b <= '9':
			row = row*10 + int(b-'0')
		case b >= 'a' && b <= 'z' && row == 0:
			column = column*26 + int(b-'a') + 1
		default:
			return 0, 0, false
		}
		if column > maxColumns || row > maxRows {
			return 0, 0, false
		}
	}
	return column, row, row > 0
}
