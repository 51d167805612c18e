package validation

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// Judge judges the rows of one roll, one after the other. Of the rows it has judged
// it keeps only ID numbers and row numbers. It is not safe for concurrent use.
type Judge struct {
	header     workbook.Header
	columns    []schema.Column // the columns that the header has
	names      namesColumn
	idColumn   int
	words      map[string]wordIndex
	uploadedAt time.Time
	today      time.Time // the day of uploadedAt, at midnight UTC
	date1904   bool
	area       area
	objected   func(id string) bool
	allowClear bool
	youngest   int
	oldest     int

	lastRow   int            // number of the last row that was not blank
	firstRows map[uint64]int // by ID number: its first row
	repeats   map[uint64][]int
	stats     events.ValidationStats
	filled    []bool                 // by column: whether a cell of it is filled
	dates     map[string]*dateColumn // by field: what the cells tell of the order of day and month
}

// maxRowsNamed is how many rows with the same ID number a duplicate names.
const maxRowsNamed = 100

// Settings say how to judge a roll.
type Settings struct {
	Header workbook.Header
	// UploadedAt is when the roll was uploaded. It decides what lies in the future
	// and how old people are, so that judging again gives the same result.
	UploadedAt time.Time
	// Date1904 says that plain numbers in date columns count from 1904.
	Date1904 bool
	// Area is where the rows may lie; nil means the whole country.
	Area *events.Area
	// Objected reports whether a person has objected to being on a roll; nil means
	// that nobody has.
	Objected func(id string) bool
	// AllowClear says that a cell with the marker (clear) empties its field.
	AllowClear bool
	// Rules replace those of the package schema; the zero value means those.
	Rules schema.Rules
}

// NewJudge returns a judge for the rows below a header. It fails where the header
// has no ID column or UploadedAt is zero.
func NewJudge(s Settings) (*Judge, error) {
	idColumn, ok := s.Header.Fields[schema.FieldID]
	if !ok {
		return nil, errors.New("new judge: the header has no ID column")
	}
	if s.UploadedAt.IsZero() {
		return nil, errors.New("new judge: UploadedAt is zero")
	}
	columns, err := s.Rules.Columns()
	if err != nil {
		return nil, fmt.Errorf("new judge: %w", err)
	}
	vocabularies, err := s.Rules.AllVocabularies()
	if err != nil {
		return nil, fmt.Errorf("new judge: %w", err)
	}
	j := &Judge{
		header: s.Header, idColumn: idColumn, uploadedAt: s.UploadedAt, today: dayOf(s.UploadedAt),
		date1904: s.Date1904, area: newArea(s.Area),
		objected: s.Objected, words: make(map[string]wordIndex), lastRow: s.Header.Row,
		firstRows: make(map[uint64]int), repeats: make(map[uint64][]int), dates: make(map[string]*dateColumn),
	}
	j.youngest, j.oldest = s.Rules.Ages()
	j.allowClear = s.AllowClear
	j.names = newNamesColumn(s.Header, columns)
	for _, column := range columns {
		if _, ok := s.Header.Fields[column.Field]; ok && column.Kind != schema.KindID {
			j.columns = append(j.columns, column)
		}
	}
	for name, vocabulary := range vocabularies {
		if j.words[name], err = indexWords(vocabulary); err != nil {
			return nil, fmt.Errorf("new judge: vocabulary %s: %w", name, err)
		}
	}
	return j, nil
}

// JudgeRow judges a row; the caller gives the rows in the sheet's order. It returns
// the row that goes on or the rejected one. Blank rows and rows up to the header
// give neither. It blanks cells that do not belong to the roll in row itself.
func (j *Judge) JudgeRow(row workbook.Row) (*records.Row, *records.RejectedRow) {
	for _, i := range j.header.Reasons {
		if i < len(row.Cells) {
			row.Cells[i] = workbook.Cell{}
		}
	}
	if row.N <= j.lastRow || row.Blank() {
		return nil, nil
	}
	j.stats.BlankRows += row.N - j.lastRow - 1
	j.lastRow = row.N
	j.stats.TotalRecords++
	j.noteFilled(row)
	idCell := cellAt(row, j.idColumn)
	id, problem := ParseID(idCell.Text, idCell.Numeric(), j.uploadedAt)
	if reject := j.rejectObjected(row.N, idCell.Text, id); reject != nil {
		return nil, reject
	}
	if problem != nil {
		j.stats.InvalidIDs++
		reject := &records.RejectedRow{N: row.N, Code: problem.Code, Message: problem.Message, Cell: idCell.Text}
		at := cellName(j.idColumn, row.N)
		switch {
		case idCell.Lost:
			reject.Message = fmt.Sprintf("The cell of the ID number (%s) %s", at, lostWords)
		case idCell.NoResult:
			reject.Code = records.RejectNoResult
			reject.Message = fmt.Sprintf("The cell of the ID number (%s) %s", at, noResultWords)
		}
		return nil, j.completeReject(reject, row)
	}
	j.stats.ValidIDs++
	if outside := j.rejectOutside(row); outside != nil {
		return nil, outside // what lies outside is no first row of an ID number
	}
	key := uint64(parseDigits(id.Number))
	if first, seen := j.firstRows[key]; seen {
		j.stats.Duplicates++
		j.repeats[key] = append(j.repeats[key], row.N)
		reject := &records.RejectedRow{
			N: row.N, Code: records.RejectDuplicate, Message: fmt.Sprintf("The ID number stands in row %d already.",
				first),
			Cell: idCell.Text, ID: id.Number, FirstRow: first,
		}
		return nil, j.completeReject(reject, row)
	}
	j.firstRows[key] = row.N
	j.stats.ValidRecords++
	j.stats.UniqueRecords++
	return j.acceptRow(row, id), nil
}

// acceptRow reads the cells of a row whose ID number is valid.
func (j *Judge) acceptRow(row workbook.Row, id ID) *records.Row {
	r := rowReader{judge: j, fields: make(map[string]string, len(j.columns))}
	for _, column := range j.columns {
		r.readCell(column, cellAt(row, j.header.Fields[column.Field]))
	}
	r.tellDamage(row)
	r.warnings = append(r.warnings, j.tellFaults(row)...)
	r.fillInExpiry(func(field string) bool {
		i, ok := j.header.Fields[field]
		cell := cellAt(row, i)
		return !ok || cell.Blank() || isClearMarker(cell.Text) && !slices.Contains(r.clear, field)
	})
	r.fillInNames()
	r.compareWithID(id)
	j.stats.Warnings += len(r.warnings)
	valid := &records.Row{N: row.N, ID: id.Number, Fields: r.fields, Guessed: r.guessed, Clear: r.clear,
		Warnings: r.warnings}
	valid.Cells, valid.Far = j.packCells(row)
	return valid
}

// completeReject adds the cells of the row and what was mended in it. What is left out
// tells something of its columns all the same.
func (j *Judge) completeReject(reject *records.RejectedRow, row workbook.Row) *records.RejectedRow {
	for _, w := range j.tellFaults(row) {
		reject.Message += " " + w.Message
	}
	j.noteDates(row)
	reject.Cells, reject.Far = j.packCells(row)
	return reject
}

// Complete fills in what only the whole roll tells: Rows and Count of a duplicate.
// The caller calls it after the last row.
func (j *Judge) Complete(reject *records.RejectedRow) {
	if reject.Code != records.RejectDuplicate {
		return
	}
	again := j.repeats[uint64(parseDigits(reject.ID))]
	reject.Count = 1 + len(again)
	// Each duplicate names the others. Without a bound, a roll of one person would
	// grow with the square of its rows.
	reject.Rows = append([]int{reject.FirstRow}, again[:min(len(again), maxRowsNamed-1)]...)
}

// Stats returns the counts of the rows judged so far.
func (j *Judge) Stats() events.ValidationStats { return j.stats }

// packCells returns the texts of the cells, as records.PackCells does. Blank cells
// to the right of the header and of all others are no cells.
func (j *Judge) packCells(row workbook.Row) ([]string, []records.FarCell) {
	n := len(row.Cells)
	for n > len(j.header.Columns) && row.Cells[n-1].Blank() {
		n--
	}
	return records.PackCells(func(yield func(int, string) bool) {
		for i := range n {
			if text := row.Cells[i].Text; text != "" && !yield(i, text) {
				return
			}
		}
	}, len(j.header.Columns))
}

func cellAt(row workbook.Row, i int) workbook.Cell {
	if i < len(row.Cells) {
		return row.Cells[i]
	}
	return workbook.Cell{}
}
