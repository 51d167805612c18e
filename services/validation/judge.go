package validation

import (
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// Judge judges the rows of one roll, one after the other. Of the rows it has
// seen it keeps ID numbers and row numbers only. It is for one goroutine.
type Judge struct {
	header   workbook.Header
	columns  []schema.Column // those that the header has
	idColumn int
	words    map[string]words
	at       time.Time
	date1904 bool
	youngest int
	oldest   int

	last  int            // number of the last row that was not blank
	first map[uint64]int // ID number to its first row
	again map[uint64][]int
	stats events.ValidationStats
}

// maxNamed is how many of the rows with one ID number a duplicate names.
const maxNamed = 100

// Settings say how a roll is to be judged.
type Settings struct {
	Header workbook.Header
	// UploadedAt is when the roll came in. What is in the future and how old
	// people are is judged by it, so that judging again gives the same.
	UploadedAt time.Time
	// Date1904 says that plain numbers in date columns count from 1904.
	Date1904 bool
	// Rules are other ones than those of the package schema; zero means those.
	Rules schema.Rules
}

// NewJudge returns a judge for the rows below a header. It fails where the
// header has no ID column or the time of the upload is not known.
func NewJudge(s Settings) (*Judge, error) {
	idColumn, ok := s.Header.Fields[schema.FieldID]
	if !ok {
		return nil, fmt.Errorf("new judge: the header has no ID column")
	}
	if s.UploadedAt.IsZero() {
		return nil, fmt.Errorf("new judge: no time of the upload")
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
		header: s.Header, idColumn: idColumn, at: s.UploadedAt, date1904: s.Date1904,
		words: make(map[string]words), last: s.Header.Row,
		first: make(map[uint64]int), again: make(map[uint64][]int),
	}
	j.youngest, j.oldest = s.Rules.Ages()
	for _, column := range columns {
		if _, ok := s.Header.Fields[column.Field]; ok && column.Kind != schema.KindID {
			j.columns = append(j.columns, column)
		}
	}
	for name, vocabulary := range vocabularies {
		if j.words[name], err = newWords(vocabulary); err != nil {
			return nil, fmt.Errorf("new judge: vocabulary %s: %w", name, err)
		}
	}
	return j, nil
}

// Row judges a row. Rows are given in the sheet's order. A row becomes a row that
// goes on or a rejected one; a blank one, and what stands above the roll's first row, neither.
// Cells that are no part of the roll are blanked in row itself.
func (j *Judge) Row(row workbook.Row) (*records.Row, *records.RejectedRow) {
	for _, i := range j.header.Reasons {
		if i < len(row.Cells) {
			row.Cells[i] = workbook.Cell{}
		}
	}
	if row.N <= j.last || row.Blank() {
		return nil, nil
	}
	j.stats.BlankRows += row.N - j.last - 1
	j.last = row.N
	j.stats.TotalRecords++
	idCell := cellAt(row, j.idColumn)
	id, problem := ParseID(idCell.Text, idCell.Numeric(), j.at)
	if problem != nil {
		j.stats.InvalidIDs++
		return nil, &records.RejectedRow{
			N: row.N, Code: problem.Code, Message: problem.Message, Cell: idCell.Text, Cells: j.texts(row),
		}
	}
	j.stats.ValidIDs++
	key := uint64(number(id.Number))
	if first, seen := j.first[key]; seen {
		j.stats.Duplicates++
		j.again[key] = append(j.again[key], row.N)
		return nil, &records.RejectedRow{
			N: row.N, Code: records.RejectDuplicate, Message: fmt.Sprintf("The ID number stands in row %d already.", first),
			Cell: idCell.Text, Cells: j.texts(row), ID: id.Number, FirstRow: first,
		}
	}
	j.first[key] = row.N
	j.stats.ValidRecords++
	j.stats.UniqueRecords++
	return j.accept(row, id), nil
}

func (j *Judge) accept(row workbook.Row, id ID) *records.Row {
	r := reader{judge: j, fields: make(map[string]string, len(j.columns))}
	for _, column := range j.columns {
		r.read(column, cellAt(row, j.header.Fields[column.Field]))
	}
	r.complete(func(field string) bool {
		i, ok := j.header.Fields[field]
		return !ok || cellAt(row, i).Blank()
	})
	r.compare(id)
	j.stats.Warnings += len(r.warnings)
	return &records.Row{N: row.N, ID: id.Number, Fields: r.fields, Cells: j.texts(row), Warnings: r.warnings}
}

// Complete fills in what only the whole roll tells: the Rows and Count of a
// duplicate. Call it after the last row.
func (j *Judge) Complete(reject *records.RejectedRow) {
	if reject.Code != records.RejectDuplicate {
		return
	}
	again := j.again[uint64(number(reject.ID))]
	reject.Count = 1 + len(again)
	// Each occurrence names the others, so a roll of one person only would
	// otherwise grow with the square of its rows.
	reject.Rows = append([]int{reject.FirstRow}, again[:min(len(again), maxNamed-1)]...)
}

// Stats counts the rows judged so far.
func (j *Judge) Stats() events.ValidationStats { return j.stats }

// texts are the cells as text, at least one for each column of the header.
func (j *Judge) texts(row workbook.Row) []string {
	n := len(row.Cells)
	for n > len(j.header.Columns) && row.Cells[n-1].Blank() {
		n--
	}
	texts := make([]string, max(n, len(j.header.Columns)))
	for i := range min(n, len(texts)) {
		texts[i] = row.Cells[i].Text
	}
	return texts
}

func cellAt(row workbook.Row, i int) workbook.Cell {
	if i < len(row.Cells) {
		return row.Cells[i]
	}
	return workbook.Cell{}
}
