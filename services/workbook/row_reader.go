package workbook

import (
	"bytes"
	"errors"
)

// errEnough ends the reading early.
var errEnough = errors.New("enough rows")

// rowReader reads the rows of a sheet.
type rowReader struct {
	sheet *Sheet
	meter *meter
	x     *xmlScanner
	row   Row
	bytes int // of text in the row
	arena arena
	text  []byte // of the cell being read
}

// readSheet visits the rows. It reads the part to its end, so that a part that was
// cut off does not pass for whole.
func (r *rowReader) readSheet(visit func(Row) bool) error {
	data := false
	for {
		t, err := r.x.next()
		switch {
		case err != nil:
			return err
		case t == tokenEnd && !data:
			return errors.New("a sheet has no data")
		case t == tokenEnd:
			return nil
		case t != tokenOpen || len(r.x.openNames) == 1 && !r.x.empty:
			continue // the root element
		}
		switch string(r.x.name) {
		case "dimension":
			err = r.readDimension()
		case "sheetData":
			if data {
				return errors.New("a sheet has two lists of rows")
			}
			data = true
			err = r.readRows(visit)
		default:
			err = r.x.skipElement()
		}
		if err != nil {
			return err
		}
	}
}

// readDimension notes the size that the sheet states.
func (r *rowReader) readDimension() error {
	ref, err := r.x.attribute("ref")
	if err != nil {
		return err
	}
	if i := bytes.IndexByte(ref, ':'); i >= 0 {
		ref = ref[i+1:]
	}
	if _, row, ok := parseReference(ref); ok {
		r.sheet.statedRows = row
	}
	return r.x.skipElement()
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
		case t == tokenClose:
			return nil
		case t == tokenText:
			continue
		case t == tokenEnd:
			return errXML
		case string(r.x.name) != "row":
			if err := r.x.skipElement(); err != nil {
				return err
			}
			continue
		}
		if err := r.readRow(); err != nil {
			return err
		}
		if !visit(r.row) {
			return errEnough
		}
		if stored++; stored == r.sheet.maxStored {
			return errEnough
		}
	}
}

// readRow reads the row whose element was just opened. A row without a number
// follows the one before.
func (r *rowReader) readRow() error {
	n := r.row.N + 1
	ref, err := r.x.attribute("r")
	if err != nil {
		return err
	}
	if ref != nil {
		column, row, ok := parseReference(ref)
		if !ok || column != 0 {
			return errors.New("a row number is out of range")
		}
		if row < n {
			return errors.New("a row is out of order or occurs twice")
		}
		n = row
	}
	if n > maxRows {
		return errors.New("more rows than a sheet has")
	}
	r.row.N, r.row.Cells, r.bytes = n, r.row.Cells[:0], 0
	if r.x.empty {
		return nil
	}
	for {
		t, err := r.x.next()
		switch {
		case err != nil:
			return err
		case t == tokenClose:
			return r.meter.addRow(len(r.row.Cells), r.bytes)
		case t == tokenText:
		case t == tokenEnd:
			return errXML
		case string(r.x.name) == "c":
			err = r.readCell()
		default:
			err = r.x.skipElement()
		}
		if err != nil {
			return err
		}
	}
}

// readCell reads the cell whose element was just opened. A cell without a reference
// follows the one before.
func (r *rowReader) readCell() error {
	var ref, style, kind []byte
	if err := r.x.visitAttributes(func(name, value []byte) {
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
		at, row, ok := parseReference(ref)
		switch {
		case !ok || at == 0 || row != r.row.N:
			return errors.New("a cell reference is out of range or names another row")
		case at < column:
			return errors.New("a cell is out of order or occurs twice")
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
	k, ok := parseStorage(kind)
	if !ok {
		return errors.New("a cell has an unknown kind")
	}
	date := false
	if style != nil && k == storedNumber {
		n, ok := parseCount(style)
		if !ok {
			return errors.New("a cell's style is no number")
		}
		date = n < len(r.sheet.file.dates) && r.sheet.file.dates[n]
	}
	return r.readValue(cell, k, date)
}

// readValue reads the content of a cell.
func (r *rowReader) readValue(cell *Cell, kind storage, date bool) error {
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
		case t == tokenClose:
			if !filled {
				return nil
			}
			if err := r.convertCell(cell, kind, date); err != nil {
				return err
			}
			if r.bytes += len(cell.Text); r.bytes > r.meter.budget.Row {
				return rowTooLong(r.meter.budget.Row)
			}
			return nil
		case t == tokenText:
			continue
		case t == tokenEnd:
			return errXML
		}
		switch string(r.x.name) {
		case "v":
			filled = true
			r.text, err = r.x.appendContent(r.text[:0])
		case "is":
			filled = true
			r.text, err = r.x.appendRichText(r.text[:0])
		case "f":
			cell.Formula = true
			err = r.x.skipElement()
		default:
			err = r.x.skipElement()
		}
		if err != nil {
			return r.meter.nameLongText(err)
		}
	}
}

// convertCell sets the cell from its stored text.
func (r *rowReader) convertCell(cell *Cell, kind storage, date bool) error {
	file := r.sheet.file
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
			return errors.New("a cell names a shared string that does not exist")
		}
		var err error
		cell.Text, cell.Cut, err = file.strings.get(n)
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
			return errors.New("a boolean cell is neither true nor false")
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

// parseCount parses the digits of a count.
func parseCount(text []byte) (n int, ok bool) {
	for _, c := range text {
		if c < '0' || c > '9' || n > maxToken*100 {
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
		default:
			return 0, 0, false
		}
		if column > maxColumns || row > maxRows {
			return 0, 0, false
		}
	}
	return column, row, row > 0
}
