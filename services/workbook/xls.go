package workbook

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"rollcall.example/events/refusal"
	"rollcall.example/services/workbook/xls"
)

// openXLS opens an old Excel workbook.
func openXLS(m *meter, size int64) (*File, error) {
	book, err := xls.Open(xlsMeter{m}, size, xls.Limits{Entries: m.budget.Parts, Sheets: m.budget.Sheets,
		Styles: m.budget.Styles, Names: m.budget.Names, Row: m.budget.Row})
	if err != nil {
		return nil, refuseXLS(err, m.budget)
	}
	file := &File{meter: m, Date1904: book.Date1904,
		strings: &sharedStrings{meter: m, source: book.Strings().Next, cut: map[int]bool{}}}
	for _, name := range book.Missing {
		file.warnOfMissing(name)
	}
	for style := range book.Styles() {
		id, code := book.Format(style)
		file.dates = append(file.dates, isDateFormat(code) || code == "" && isBuiltInDateFormat(id))
	}
	for _, sheet := range book.Sheets {
		file.Sheets = append(file.Sheets, &Sheet{Name: sheet.Name, Hidden: sheet.Hidden, file: file, source: xlsSheet{sheet}})
	}
	if len(file.Sheets) == 0 {
		return nil, unreadable(errors.New("no sheet"))
	}
	return file, nil
}

// refuseXLS says what is wrong with an old workbook.
func refuseXLS(err error, budget Budget) error {
	if kind, ok := errors.AsType[*xls.KindError](err); ok {
		return refuse(refusal.CodeNotAWorkbook, "The file is "+kind.What+", but no Excel workbook. "+
			"Save the roll as an Excel workbook (.xlsx) and upload that.", err)
	}
	if limit, ok := errors.AsType[*xls.LimitError](err); ok {
		if limit.Of == xls.LimitRow {
			return rowTooLong(budget.Row)
		}
		return tooMany(limit.Of, limit.Limit)
	}
	switch {
	case errors.Is(err, xls.ErrPassword):
		// With Excel's own password, VelvetSweatshop, it could be read. That is code for
		// three ciphers before anything is known of the file, and who wants the rows to be
		// hard to read has said so: the way out costs a person a minute.
		return refuse(refusal.CodeEncrypted, "The workbook has a password, or a protection that encrypts it although "+
			"Excel opens it without asking. In Excel, take off the password (File, Info, Protect Workbook) and the "+
			"protection (Review, Protect Workbook), save it and upload that.", nil)
	case errors.Is(err, xls.ErrOld):
		return refuse(refusal.CodeXLS, "The file is a workbook of Excel 4, or a macro or chart of that time, "+
			"which cannot be read. Save it as an Excel workbook (.xlsx) and upload that.", nil)
	}
	return unreadable(err)
}

// xlsMeter counts what is read of an .xls file. Nothing of it is packed, but records may
// be read many times.
type xlsMeter struct{ meter *meter }

// ReadAt implements io.ReaderAt.
func (x xlsMeter) ReadAt(p []byte, at int64) (int, error) {
	n, err := x.meter.ReadAt(p, at)
	if x.meter.bytes += int64(n); x.meter.bytes > x.meter.budget.Bytes {
		return 0, tooManyBytes(x.meter.budget.Bytes)
	}
	return n, err
}

// xlsSheet is a sheet of an old workbook.
type xlsSheet struct{ sheet *xls.Sheet }

func (x xlsSheet) readRows(s *Sheet, visit func(Row) bool) error {
	r := xlsRows{file: s.file}
	hidden, more := 0, true
	var failed error
	err := x.sheet.Rows(func(in *xls.Row) bool {
		s.statedRows = x.sheet.LastRow
		if failed = r.convert(in); failed != nil {
			return false
		}
		if in.Hidden && !r.row.Blank() {
			hidden++
		}
		more = visit(r.row)
		return more
	})
	switch {
	case failed != nil:
		return failed
	case err != nil:
		return refuseXLS(err, s.file.meter.budget)
	case more:
		s.hiddenRows, s.filtered = hidden, x.sheet.Filtered
	}
	return nil
}

// xlsRows makes rows of those of an old workbook.
type xlsRows struct {
	file  *File
	row   Row
	arena arena
	text  []byte
}

// convert sets the row.
func (r *xlsRows) convert(in *xls.Row) error {
	r.row.N, r.row.Cells = in.N, r.row.Cells[:0]
	bytes, budget := 0, r.file.meter.budget
	for i := range in.Cells {
		cell, err := r.convertCell(&in.Cells[i])
		if err != nil {
			return err
		}
		if bytes += len(cell.Text); bytes > budget.Row {
			return rowTooLong(budget.Row)
		}
		r.row.Cells = append(r.row.Cells, cell)
	}
	return r.file.meter.addRow(len(r.row.Cells), bytes)
}

func (r *xlsRows) convertCell(in *xls.Cell) (cell Cell, err error) {
	cell = Cell{Formula: in.Formula, NoResult: in.NoResult, Twice: in.Twice}
	switch in.Kind {
	case xls.Text:
		var text []byte
		text, cell.Cut = r.file.meter.fitCell(in.Text)
		cell.Text = r.arena.add(text)
	case xls.Shared:
		cell.Text, cell.Cut, err = r.file.strings.get(in.Index)
		if errors.Is(err, errNoString) {
			cell.Lost, err = true, nil
		}
	case xls.Number:
		r.text = appendNumber(r.text[:0], in.Number)
		date := in.Style < len(r.file.dates) && r.file.dates[in.Style]
		cell.setNumber(r.arena.add(r.text), date, r.file.Date1904)
	case xls.Bool:
		cell.Text = [...]string{"FALSE", "TRUE"}[in.Index]
	case xls.Error:
		cell.Kind, cell.Text = Failed, r.arena.add(in.Text)
	}
	if err != nil {
		return cell, fmt.Errorf("shared strings: %w", err)
	}
	return cell, nil
}

// appendNumber writes a number as an .xlsx file has it.
func appendNumber(dst []byte, n float64) []byte {
	if n == math.Trunc(n) && math.Abs(n) < 1e15 {
		return strconv.AppendInt(dst, int64(n), 10)
	}
	return strconv.AppendFloat(dst, n, 'g', -1, 64)
}
