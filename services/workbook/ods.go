package workbook

import (
	"archive/zip"
	"io"

	"rollcall.example/services/workbook/ods"
)

// openODS opens an OpenDocument spreadsheet by its parts.
func openODS(m *meter, parts map[string]*zip.File) (*File, error) {
	book, err := ods.Open(odsMeter{m}, parts)
	return newODSFile(m, book, err)
}

// openFlatODS opens an OpenDocument spreadsheet that was not packed.
func openFlatODS(m *meter, size int64) (*File, error) {
	book, err := ods.OpenFlat(odsMeter{m}, size)
	return newODSFile(m, book, err)
}

func newODSFile(m *meter, book *ods.Book, err error) (*File, error) {
	if err != nil {
		return nil, unreadable(err)
	}
	file := &File{meter: m, strings: &sharedStrings{meter: m}, close: book.Close}
	for _, sheet := range book.Sheets {
		file.Sheets = append(file.Sheets, &Sheet{Name: sheet.Name, Hidden: sheet.Hidden, file: file,
			source: odsSheet{sheet}, statedRows: sheet.LastRow})
	}
	return file, nil
}

// odsSheet is a sheet of an OpenDocument spreadsheet.
type odsSheet struct{ sheet ods.Sheet }

func (o odsSheet) readRows(s *Sheet, visit func(Row) bool) error {
	var texts arena
	var row Row
	hidden, filtered, ended := 0, false, true
	err := o.sheet.Read(func(in ods.Row) bool {
		row.N, row.Cells = in.N, row.Cells[:0]
		for i := range in.Cells {
			row.Cells = append(row.Cells, convertODSCell(&in.Cells[i], &texts))
		}
		if in.Hidden && !row.Blank() {
			hidden++
			filtered = filtered || in.Filtered
		}
		ended = visit(row)
		return ended
	})
	if err == nil && ended {
		s.hiddenRows, s.filtered = hidden, filtered
	}
	return err
}

func convertODSCell(in *ods.Cell, texts *arena) Cell {
	cell := Cell{Formula: in.Formula, NoResult: in.NoResult, Cut: in.Cut, Lost: in.Lost}
	switch text := texts.add(in.Text); in.Kind {
	case ods.Number:
		cell.setNumber(text, false, false)
	case ods.Date:
		cell.setISO(text)
	case ods.Failed:
		cell.Kind, cell.Text = Failed, text
	default:
		cell.Text = text
	}
	return cell
}

// odsMeter is the meter that the reader of OpenDocument spreadsheets knows.
type odsMeter struct{ *meter }

func (m odsMeter) Unpack(r io.Reader) io.Reader { return m.unpacked(r) }

func (m odsMeter) Again(r io.Reader) io.Reader { return checkedReader{r, m.meter} }

func (m odsMeter) AddSheet(name string) error {
	if m.sheets++; m.sheets > m.budget.Sheets {
		return tooMany("sheets", m.budget.Sheets)
	}
	return m.addName(name)
}

func (m odsMeter) AddName(name string) error { return m.addName(name) }

func (m odsMeter) AddRow(places, text int) error { return m.addRow(places, text) }

func (m odsMeter) CheckRow(text int) error {
	if text > m.budget.Row {
		return rowTooLong(m.budget.Row)
	}
	return nil
}

func (m odsMeter) FitCell(text []byte) (fits []byte, cut bool) { return m.fitCell(text) }

func (m odsMeter) LongCell() error { return cellTooLong(m.budget.Cell) }

// checkedReader ends with the reading of the file, and counts nothing.
type checkedReader struct {
	r     io.Reader
	meter *meter
}

func (r checkedReader) Read(p []byte) (int, error) {
	if err := r.meter.check(); err != nil {
		return 0, err
	}
	return r.r.Read(p[:min(len(p), 64<<10)])
}
