package workbook

import (
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"rollcall.example/schema"
)

const (
	// maxRecord is how long a record may be, in bytes of UTF-8. It is more than any
	// row has: a longer record comes from a quotation mark that is never closed.
	maxRecord = 8 << 20
	// delimiterRecords is how many records decide which delimiter the file uses.
	delimiterRecords = headerRows
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
func openCSV(src *source, size int64) (*File, error) {
	plain, err := detectEncoding(src, size)
	if err != nil {
		return nil, err
	}
	t := &csvFile{plainText: plain}
	if err := t.detectDelimiter(); err != nil {
		return nil, err
	}
	file := &File{source: src, strings: &sharedStrings{}}
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
	best, mostKnown, mostAlike := ',', -1, -1
	for _, comma := range delimiters {
		t.delimiter = comma
		var rows []Row
		lengths := map[int]int{}
		for row, err := range t.rows() {
			if err != nil {
				break // another delimiter may make it readable
			}
			lengths[len(row.Cells)]++
			row.Cells = append([]Cell(nil), row.Cells...)
			if rows = append(rows, row); len(rows) == delimiterRecords {
				break
			}
		}
		alike := 0
		for length, n := range lengths {
			alike = max(alike, n*(length-1))
		}
		header, nearest, err := findHeader(rows, columns)
		known := max(len(header.Fields), len(nearest))
		if err != nil {
			known = len(columns) // columns that occur twice are known, too
		}
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
		in := &recordLimiter{r: t.newReader()}
		records := csv.NewReader(in)
		records.Comma, records.LazyQuotes, records.FieldsPerRecord, records.ReuseRecord = t.delimiter, true, -1, true
		row, line, slots := Row{}, 0, 0 // line is the last line of the previous record
		for {
			in.n = 0
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
			for _, text := range record {
				line += strings.Count(text, "\n")
				row.Cells = append(row.Cells, parseTextCell(text))
			}
			slots += len(row.Cells)
			switch {
			case len(record) > maxColumns:
				err = errors.New("more columns than a sheet has")
			case row.N > maxRows:
				err = errors.New("more rows than a sheet has")
			case slots > maxPlaces:
				err = tooMuch("cells")
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
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

var errEndlessRecord = errors.New("a record never ends: a quotation mark is not closed")

// recordLimiter fails once more than maxRecord bytes were read; the caller resets n
// at each record.
type recordLimiter struct {
	r io.Reader
	n int
}

func (b *recordLimiter) Read(p []byte) (int, error) {
	if b.n > maxRecord {
		return 0, errEndlessRecord
	}
	n, err := b.r.Read(p)
	b.n += n
	return n, err
}
