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
	// maxRecord is how long a record of a text file may be, in bytes of UTF-8: more
	// than any row is a quotation mark that is never closed.
	maxRecord = 8 << 20
	// topRecords is by how many records the delimiter is judged.
	topRecords = headerRows
)

// delimiters are what may stand between the fields of a record.
var delimiters = []rune{',', ';', '\t', '|'}

// textRoll is a file of comma-separated values, RFC 4180 and what programs make
// of it: other delimiters, quotation marks that nobody doubled, records of
// different lengths.
type textRoll struct {
	plainText
	comma rune
}

// openCSV opens a text file, which has one sheet.
func openCSV(src *source, size int64) (*File, error) {
	plain, err := readEncoding(src, size)
	if err != nil {
		return nil, err
	}
	t := &textRoll{plainText: plain}
	if err := t.findComma(); err != nil {
		return nil, err
	}
	file := &File{source: src, strings: &sharedStrings{}}
	file.Sheets = []*Sheet{{file: file, text: t, claimed: plain.lines}}
	return file, nil
}

// findComma takes the delimiter by which most of the columns are known, and by
// which most records are alike. A first line like sep=; says it, as it does to
// Excel, and is no row.
func (t *textRoll) findComma() error {
	first, err := t.firstLine()
	if err != nil {
		return err
	}
	if named := []rune(strings.TrimRight(first, "\r\n")); len(named) == 5 && strings.EqualFold(string(named[:4]), "sep=") {
		t.comma, t.skip = named[4], len(first)
		if !validComma(t.comma) {
			return unreadable(errors.New("a separator that separates nothing"))
		}
		return nil
	}
	columns, err := schema.Columns()
	if err != nil {
		return err
	}
	best, mostKnown, mostAlike := ',', -1, -1
	for _, comma := range delimiters {
		t.comma = comma
		var rows []Row
		lengths := map[int]int{}
		for row, err := range t.rows() {
			if err != nil {
				break // by another delimiter it may be readable
			}
			lengths[len(row.Cells)]++
			row.Cells = append([]Cell(nil), row.Cells...)
			if rows = append(rows, row); len(rows) == topRecords {
				break
			}
		}
		alike := 0
		for length, n := range lengths {
			alike = max(alike, n*(length-1))
		}
		header, nearest, err := find(rows, columns)
		known := max(len(header.Fields), len(nearest))
		if err != nil {
			known = len(columns) // columns that are there twice are known, too
		}
		if known > mostKnown || known == mostKnown && alike > mostAlike {
			best, mostKnown, mostAlike = comma, known, alike
		}
	}
	t.comma = best
	return nil
}

func validComma(r rune) bool {
	return r != '"' && r != '\r' && r != '\n' && r != utf8.RuneError && r != 0
}

// rows yields the records. Their numbers are those that a spreadsheet program
// gives them: an empty line is a row, a line break in quotation marks is none.
func (t *textRoll) rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		in := &bounded{r: t.reader()}
		records := csv.NewReader(in)
		records.Comma, records.LazyQuotes, records.FieldsPerRecord, records.ReuseRecord = t.comma, true, -1, true
		row, line, slots := Row{}, 0, 0 // line is the last one of the record before
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
				row.Cells = append(row.Cells, textCell(text))
			}
			slots += len(row.Cells)
			switch {
			case len(record) > maxColumns:
				err = errors.New("more columns than a sheet has")
			case row.N > maxRows:
				err = errors.New("more rows than a sheet has")
			case slots > maxSlots:
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

// textCell is a cell as a spreadsheet program would take it up: digits are a
// number, unless there are more than it can hold or a zero leads them.
func textCell(text string) Cell {
	cell := Cell{Text: text}
	if trimmed := strings.TrimSpace(text); trimmed != "" && len(trimmed) <= 15 && trimmed[0] != '0' && strings.Trim(trimmed, "0123456789") == "" {
		cell.Kind, cell.Text = Number, trimmed
	}
	return cell
}

var errRecord = errors.New("a record without an end: a quotation mark is not closed")

// bounded fails after maxRecord bytes; its reader sets n back at each record.
type bounded struct {
	r io.Reader
	n int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.n > maxRecord {
		return 0, errRecord
	}
	n, err := b.r.Read(p)
	b.n += n
	return n, err
}
