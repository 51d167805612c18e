package ods

import (
	"errors"

	"rollcall.example/services/workbook/xmlscan"
)

// maxRepeated is how often something is repeated at most: what is beyond a sheet in any
// case.
const maxRepeated = 1 << 30

// tableReader reads the rows of one table.
type tableReader struct {
	*cursor
	visit func(Row) bool
	row   Row
	next  int // the number of the next row
	bytes int // of text in the row
	cell  cellReader
}

// readTable goes to a table and visits its rows.
func (c *cursor) readTable(place int, visit func(Row) bool) error {
	for c.table < place {
		found, err := c.nextTable()
		if err != nil {
			return err
		}
		if !found {
			return errors.New("a sheet is gone")
		}
	}
	r := tableReader{cursor: c, visit: visit, next: 1}
	err := r.readRows()
	if errors.Is(err, xmlscan.ErrLongText) {
		return c.meter.LongCell()
	}
	return err
}

// readRows visits the rows of the table that was just opened, which may stand in groups.
func (r *tableReader) readRows() error {
	hidden := 0 // the depth of a group that is not shown; 0 for none
	for r.open {
		t, err := r.x.Next()
		if err != nil {
			return err
		}
		if r.noteEnd(t); t == xmlscan.Close && r.x.Depth() < hidden {
			hidden = 0
		}
		if t != xmlscan.Open {
			continue
		}
		switch string(r.x.Name) {
		case "table-row":
			more, err := r.readRow(hidden > 0)
			if err != nil || !more {
				return err
			}
		case "table-row-group":
			display, err := r.x.Attribute("display")
			if err != nil {
				return err
			}
			if string(display) == "false" && hidden == 0 && !r.x.Empty {
				hidden = r.x.Depth()
			}
		case "table-rows", "table-header-rows":
			// Their rows are inside.
		default:
			if err := r.x.Skip(); err != nil {
				return err
			}
		}
	}
	return nil
}

// rowAttributes are what the element of a row says.
type rowAttributes struct {
	repeated         int
	hidden, filtered bool
}

func readRowAttributes(x *xmlscan.Scanner) (rowAttributes, error) {
	a := rowAttributes{repeated: 1}
	err := x.VisitAttributes(func(name, value []byte) {
		switch string(name) {
		case "number-rows-repeated":
			a.repeated = parseRepeated(value)
		case "visibility":
			a.filtered = string(value) == "filter"
			a.hidden = a.filtered || string(value) == "collapse"
		}
	})
	return a, err
}

// parseRepeated parses how often something is there. What is no count is 1.
func parseRepeated(text []byte) int {
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 1
		}
		n = min(n*10+int(c-'0'), maxRepeated)
	}
	return max(n, 1)
}

// readRow reads the row that was just opened and visits it as often as it is there; more
// is false once nobody wants another one.
func (r *tableReader) readRow(hidden bool) (more bool, err error) {
	a, err := readRowAttributes(r.x)
	if err != nil {
		return false, err
	}
	r.row.Cells, r.bytes = r.row.Cells[:0], 0
	r.cell.beginRow()
	r.row.Hidden, r.row.Filtered = hidden || a.hidden, a.filtered
	if err := r.readCells(); err != nil {
		return false, err
	}
	first := r.next
	r.next = min(first+a.repeated, maxRepeated)
	if len(r.row.Cells) == 0 {
		return true, nil
	}
	if r.next > maxRows+1 {
		return false, errors.New("more rows than a sheet has")
	}
	for r.row.N = first; r.row.N < r.next; r.row.N++ {
		if err := r.meter.AddRow(len(r.row.Cells), r.bytes); err != nil {
			return false, err
		}
		if !r.visit(r.row) {
			return false, nil
		}
	}
	return true, nil
}

// readCells reads the cells of the row that was just opened.
func (r *tableReader) readCells() error {
	if r.x.Empty {
		return nil
	}
	column := 0 // how many were read, blank ones too
	for end := r.x.Depth(); ; {
		t, err := r.x.Next()
		switch {
		case err != nil:
			return err
		case t == xmlscan.End:
			return xmlscan.ErrMalformed
		case t == xmlscan.Close && r.x.Depth() < end:
			return nil
		case t != xmlscan.Open:
			continue
		}
		switch string(r.x.Name) {
		case "table-cell", "covered-table-cell":
			// A covered cell lies under a merged one. Programs keep what it holds.
			if column, err = r.readCell(column); err != nil {
				return err
			}
		default:
			if err := r.x.Skip(); err != nil {
				return err
			}
		}
	}
}

// readCell reads the cell that was just opened, behind so many columns, as often as it
// is there. It returns behind how many columns the next one is.
func (r *tableReader) readCell(behind int) (column int, err error) {
	cell, repeated, err := r.cell.read(r.cursor)
	if err != nil {
		return 0, err
	}
	column = min(behind+repeated, maxRepeated)
	if cell.blank() {
		return column, nil
	}
	if column > maxColumns {
		return 0, errors.New("more columns than a sheet has")
	}
	for len(r.row.Cells) < behind {
		r.row.Cells = append(r.row.Cells, Cell{})
	}
	for range repeated {
		r.row.Cells = append(r.row.Cells, cell)
	}
	r.bytes += len(cell.Text) * repeated
	return column, r.meter.CheckRow(r.bytes)
}
