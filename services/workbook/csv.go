package workbook

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"rollcall.example/schema"
)

const (
	// delimiterRecords is how many records decide which delimiter the file uses.
	delimiterRecords = headerRows
	// maxDelimiters is how many delimiters a record may have, also in its texts. The
	// library makes something of each before it hands out the record.
	maxDelimiters = 4 * maxColumns
)

// delimiters may stand between the fields of a record.
var delimiters = []rune{',', ';', '\t', '|'}

// csvFile is a file of comma-separated values: RFC 4180, and what programs make of
// it. Delimiters differ, quotation marks are not doubled, records have different
// lengths.
type csvFile struct {
	plainText
	delimiter rune
}

// openCSV opens a file of comma-separated values as a workbook of one sheet.
func openCSV(m *meter, size int64) (*File, error) {
	plain, err := detectEncoding(m, size)
	if err != nil {
		return nil, err
	}
	t := &csvFile{plainText: plain}
	if err := t.detectDelimiter(); err != nil {
		return nil, err
	}
	file := &File{meter: m, strings: &sharedStrings{meter: m}}
	file.Sheets = []*Sheet{{file: file, csv: t, statedRows: plain.lines}}
	return file, nil
}

// detectDelimiter chooses the delimiter that makes most columns known and, among
// equals, most records alike. A first line like sep=; names it, as it does for
// Excel, and is no row.
func (t *csvFile) detectDelimiter() error {
	first, err := t.readFirstLine()
	if err != nil {
		return err
	}
	if named := []rune(strings.TrimRight(first, "\r\n")); len(named) == 5 &&
		strings.EqualFold(string(named[:4]), "sep=") {
		t.delimiter, t.skip = named[4], len(first)
		if !isDelimiter(t.delimiter) {
			return unreadable(errors.New("sep= names no usable delimiter"))
		}
		return nil
	}
	columns, err := schema.Columns()
	if err != nil {
		return err
	}
	index := newHeaderIndex(columns)
	best, mostKnown, mostAlike := ',', -1, -1
	for _, comma := range delimiters {
		t.delimiter = comma
		finder, records := newHeaderFinder(index), 0
		lengths := map[int]int{}
		for row, err := range t.rows() {
			if err != nil {
				break // another delimiter may make it readable
			}
			lengths[len(row.Cells)]++
			finder.add(row)
			if records++; records == delimiterRecords {
				break
			}
		}
		if err := t.src.check(); err != nil {
			return err
		}
		alike := 0
		for length, n := range lengths {
			alike = max(alike, n*(length-1))
		}
		header, nearest := finder.header()
		known := max(len(header.Fields), len(nearest))
		if known > mostKnown || known == mostKnown && alike > mostAlike {
			best, mostKnown, mostAlike = comma, known, alike
		}
	}
	t.delimiter = best
	return nil
}

func isDelimiter(r rune) bool {
	return r != '"' && r != '\r' && r != '\n' && r != utf8.RuneError && r != 0
}

// rows yields the records with the row numbers that a spreadsheet program gives
// them: an empty line is a row, a line break in quotation marks is none.
func (t *csvFile) rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		in := &recordLimiter{r: t.newReader(), limit: t.src.budget.Row, delimiter: []byte(string(t.delimiter))}
		records := csv.NewReader(in)
		records.Comma, records.LazyQuotes, records.FieldsPerRecord, records.ReuseRecord = t.delimiter, true, -1, true
		row, line := Row{}, 0 // line is the last line of the previous record
		for {
			in.begin()
			record, err := records.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			begin, _ := records.FieldPos(0)
			row.N += begin - line
			line, row.Cells = begin, row.Cells[:0]
			if err = t.checkRecord(record, row.N); err != nil {
				yield(Row{}, err)
				return
			}
			for _, text := range record {
				line += strings.Count(text, "\n")
				row.Cells = append(row.Cells, t.parseField(text))
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// checkRecord counts a record, which is row n.
func (t *csvFile) checkRecord(record []string, n int) error {
	switch {
	case len(record) > maxColumns:
		return rowTooWide()
	case n > maxRows:
		return tooMany("rows", maxRows)
	}
	text := 0
	for _, field := range record {
		text += len(field)
	}
	return t.src.addRow(len(record), text)
}

// parseField returns the cell of a field.
func (t *csvFile) parseField(text string) Cell {
	if len(text) <= t.src.budget.Cell {
		return parseTextCell(text)
	}
	fits, cut := t.src.fitCell([]byte(text))
	return Cell{Text: string(fits), Cut: cut}
}

// parseTextCell returns the cell that a spreadsheet program would make of a text.
// Digits are a number, unless there are more than it can hold or a zero leads them.
func parseTextCell(text string) Cell {
	cell := Cell{Text: text}
	if trimmed := strings.TrimSpace(text); trimmed != "" && len(trimmed) <= 15 && trimmed[0] != '0' &&
		strings.Trim(trimmed, "0123456789") == "" {
		cell.Kind, cell.Text = Number, trimmed
	}
	return cell
}

// recordLimiter fails once a record has too many bytes or delimiters. The caller says
// where one begins.
type recordLimiter struct {
	r         io.Reader
	limit     int
	delimiter []byte

	bytes, delimiters int
}

func (l *recordLimiter) begin() { l.bytes, l.delimiters = 0, 0 }

func (l *recordLimiter) Read(p []byte) (int, error) {
	switch {
	case l.bytes > l.limit:
		return 0, rowTooLong(l.limit)
	case l.delimiters > maxDelimiters:
		return 0, rowTooWide()
	}
	n, err := l.r.Read(p)
	l.bytes += n
	l.delimiters += bytes.Count(p[:n], l.delimiter)
	return n, err
}
