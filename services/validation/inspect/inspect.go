package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/mappings"
	"rollcall.example/events/records"
	"rollcall.example/events/refusal"
	"rollcall.example/schema"
	"rollcall.example/services/validation"
	"rollcall.example/services/workbook"
)

// shownValues is how many cells of a column are shown.
const shownValues = 3

// Settings say how to look at a file.
type Settings struct {
	// Name is the file's own.
	Name string
	// Budget bounds what reading may take; the zero value means the defaults.
	Budget workbook.Budget
	// Mapping is what a person says of the columns; nil means nothing.
	Mapping mappings.Mapping
	// Area is where the rows may lie; nil means the whole country.
	Area *events.Area
	// Now is when the file is looked at. It decides what lies in the future. Required.
	Now time.Time
}

// File looks at a file of size bytes. A file that cannot be read, or that the mapping does
// not fit, gives a *refusal.Error, and one that can be read but has no roll a Report with a
// Refusal. Any other error means that r could not be read, or that ctx has ended: it ends
// the reading within 100 ms.
func File(ctx context.Context, r io.ReaderAt, size int64, set Settings) (*Report, error) {
	report, err := look(ctx, r, size, set)
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	return report, nil
}

func look(ctx context.Context, r io.ReaderAt, size int64, set Settings) (*Report, error) {
	columns, err := schema.Columns()
	if err != nil {
		return nil, err
	}
	book, err := workbook.Open(ctx, r, size, set.Budget)
	if err != nil {
		return nil, err
	}
	defer func() { _ = book.Close() }() // a reader
	found, err := book.Look(columns, set.Mapping)
	if err != nil {
		return nil, err
	}
	report := &Report{FileName: set.Name, FileSize: size, Format: book.Format(), HeaderRow: found.Header.Row}
	report.Encoding, report.Delimiter = book.Text()
	report.Why = tellWhy(found)
	if found.Refused != nil {
		report.Refusal = &Refusal{found.Refused.Code, found.Refused.Message}
	}
	// The sheet of the roll is read first: others may use up the budget.
	fresh := *report
	rows, err := surveyRoll(found, report, set, book.Date1904)
	if found.Sheet.Reorder(err) {
		*report = fresh
		rows, err = surveyRoll(found, report, set, book.Date1904)
	}
	if err != nil {
		return nil, err
	}
	report.FileWarnings = append(book.Warnings(found.Sheet), report.FileWarnings...)
	for i, sheet := range book.Sheets {
		told := Sheet{Name: sheet.Name, Hidden: sheet.Hidden, Rows: rows}
		if sheet == found.Sheet {
			report.Sheet = i
		} else if told.Rows, err = countRows(sheet, nil); err != nil {
			refused, ok := errors.AsType[*refusal.Error](err)
			if !ok {
				return nil, err
			}
			told.Problem = refused.Message
		}
		report.Sheets = append(report.Sheets, told)
	}
	return report, nil
}

// surveyRoll reads the sheet of the roll into the report and returns how many of its rows
// show something.
func surveyRoll(found workbook.Look, report *Report, set Settings, date1904 bool) (rows int, err error) {
	seen := survey{header: found.Header, report: report}
	if found.Refused == nil {
		seen.judge, err = validation.NewJudge(validation.Settings{
			Header: found.Header, UploadedAt: set.Now, Date1904: date1904, Area: set.Area,
		})
		if err != nil {
			return 0, err
		}
	}
	if rows, err = countRows(found.Sheet, seen.add); err != nil {
		return 0, err
	}
	seen.finish()
	return rows, nil
}

// countRows reads a sheet to its end and returns how many of its rows show something.
func countRows(sheet *workbook.Sheet, visit func(workbook.Row)) (n int, err error) {
	for row, err := range sheet.Rows() {
		if visit == nil && sheet.Reorder(err) {
			return countRows(sheet, nil)
		}
		if err != nil {
			return n, err
		}
		if row.Blank() {
			continue
		}
		n++
		if visit != nil {
			visit(row)
		}
	}
	return n, nil
}

// survey collects what the rows of a sheet tell.
type survey struct {
	header workbook.Header
	judge  *validation.Judge // nil where there is no column of ID numbers
	report *Report
	filled []int
	values [][]string
	warned map[[2]string]int // by field and code: which of the report's RowWarnings
}

// add notes a row that shows something.
func (s *survey) add(row workbook.Row) {
	if row.N <= s.header.Row {
		return
	}
	for len(s.filled) < len(row.Cells) {
		s.filled, s.values = append(s.filled, 0), append(s.values, nil)
	}
	id, ok := s.idColumn()
	for i := range row.Cells {
		if row.Cells[i].Blank() {
			continue
		}
		if s.filled[i]++; s.filled[i] <= shownValues {
			s.values[i] = append(s.values[i], maskCell(row.Cells[i], ok && i == id))
		}
	}
	if s.judge == nil {
		s.report.Counts.TotalRecords++
		return
	}
	valid, rejected := s.judge.JudgeRow(row)
	if rejected != nil {
		if s.report.Rejected == nil {
			s.report.Rejected = make(map[string]int)
		}
		s.report.Rejected[rejected.Code]++
	}
	if valid != nil {
		s.warn(valid)
	}
}

// idColumn returns the column of the ID numbers, or the one that could be it.
func (s *survey) idColumn() (i int, ok bool) {
	if s.header.Guess != nil {
		return s.header.Guess.Column, true
	}
	i, ok = s.header.Fields[schema.FieldID]
	return i, ok
}

// warn counts the warnings of a row, each kind once.
func (s *survey) warn(row *records.Row) {
	for i, w := range row.Warnings {
		same := func(o records.Warning) bool { return o.Field == w.Field && o.Code == w.Code }
		if slices.ContainsFunc(row.Warnings[:i], same) {
			continue
		}
		key := [2]string{w.Field, w.Code}
		at, known := s.warned[key]
		if !known {
			if s.warned == nil {
				s.warned = make(map[[2]string]int)
			}
			at = len(s.report.RowWarnings)
			s.warned[key] = at
			s.report.RowWarnings = append(s.report.RowWarnings, RowWarning{Field: w.Field, Code: w.Code, FirstRow: row.N})
		}
		s.report.RowWarnings[at].Rows++
	}
}

// finish puts into the report what all rows together tell.
func (s *survey) finish() {
	s.report.Columns = s.columns()
	if s.judge == nil {
		return
	}
	s.report.FileWarnings = s.judge.FileWarnings()
	n := s.judge.Stats()
	s.report.Counts = Counts{
		TotalRecords: n.TotalRecords, ValidRecords: n.ValidRecords, ValidIDs: n.ValidIDs, InvalidIDs: n.InvalidIDs,
		Duplicates: n.Duplicates, BlankRows: n.BlankRows, OutOfArea: n.OutOfArea,
	}
	if n.TotalRecords == 0 {
		s.report.Refusal = &Refusal{refusal.CodeNoRows, validation.NoRows}
	}
}
