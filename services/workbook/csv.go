package workbook

import (
	"errors"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"rollcall.example/schema"
	"rollcall.example/services/workbook/delimited"
)

// delimiterRecords is how many records decide which delimiter the file uses.
const delimiterRecords = headerRows

// delimiters may stand between the fields of a record.
var delimiters = []rune{',', ';', '\t', '|'}

// csvFile is a file of comma-separated values: RFC 4180, and what programs make of
// it. Delimiters and ends of lines differ, quotation marks are not doubled or not closed,
// records have different lengths.
type csvFile struct {
	plainText
	delimiter rune
	// width is how many columns the header has, id the index of its ID column, and headerRow
	// its row; 0, -1 and 0 where no header is known.
	width, id, headerRow int
	// uneven says that among the first rows most have more or fewer fields than the header.
	uneven bool
	// above are the faults down to the header, of the rows as they were last read.
	above Fault
}

// openCSV opens a file of comma-separated values as a workbook of one sheet.
func openCSV(m *meter, size int64) (*File, error) {
	plain, err := detectEncoding(m, size)
	if err != nil {
		return nil, err
	}
	t := &csvFile{plainText: plain, id: -1}
	if err := t.detectDelimiter(); err != nil {
		return nil, err
	}
	file := &File{meter: m, strings: &sharedStrings{meter: m}}
	file.Sheets = []*Sheet{{file: file, source: t, csv: t, statedRows: plain.lines}}
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
	line := strings.TrimRight(first, "\r\n")
	if inside, quoted := strings.CutPrefix(line, `"`); quoted {
		line = strings.TrimSuffix(inside, `"`)
	}
	named := []rune(line)
	if len(named) == 5 &&
		strings.EqualFold(string(named[:4]), "sep=") {
		t.delimiter, t.skip = named[4], len(first)
		if !isDelimiter(t.delimiter) {
			return unreadable(errors.New("sep= names no usable delimiter"))
		}
		return t.chooseDelimiter([]rune{t.delimiter})
	}
	return t.chooseDelimiter(delimiters)
}

// chooseDelimiter chooses one of the delimiters, and notes where the header has its ID
// column.
func (t *csvFile) chooseDelimiter(among []rune) error {
	columns, err := schema.Columns()
	if err != nil {
		return err
	}
	index := newHeaderIndex(columns)
	best, mostKnown, mostAlike := *t, -1, -1
	for _, comma := range among {
		t.delimiter, t.width, t.id = comma, 0, -1
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
			if id, ok := header.Fields[schema.FieldID]; ok {
				t.width, t.id = len(header.Columns), id
			}
			best, mostKnown, mostAlike = *t, known, alike
		}
	}
	*t = best
	return nil
}

func isDelimiter(r rune) bool {
	return r != '"' && r != '\r' && r != '\n' && r != utf8.RuneError && r != 0
}

// readRows implements rowSource.
func (t *csvFile) readRows(_ *Sheet, visit func(Row) bool) error {
	for row, err := range t.rows() {
		if err != nil {
			return err
		}
		if !visit(row) {
			break
		}
	}
	return nil
}

// rows yields the records with the row numbers that a spreadsheet program gives
// them: an empty line is a row, a line break in quotation marks is none.
func (t *csvFile) rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		records := delimited.New(t.newReader(), t.delimiter, t.src.budget.Row)
		records.Returns, records.Width, records.ID = t.bareReturns, t.width, t.id
		var texts arena
		row, bytes := Row{}, 0
		add := func(field []byte) error {
			if t.odd {
				var odd Fault
				field, odd = mend(field)
				row.Faults |= odd
			}
			bytes += len(field)
			row.Cells = append(row.Cells, t.parseField(field, &texts))
			return nil
		}
		t.above = 0
		for {
			row.Cells, row.Faults, bytes = row.Cells[:0], 0, 0
			fields, err := records.Next(add)
			if errors.Is(err, io.EOF) {
				return
			}
			switch {
			case errors.Is(err, delimited.ErrTooWide):
				err = rowTooWide()
			case errors.Is(err, delimited.ErrTooLong):
				err = rowTooLong(t.src.budget.Row)
			}
			if row.N++; err == nil && row.N > maxRows {
				err = tooMany("rows", maxRows)
			}
			if err == nil {
				err = t.src.addRow(fields, bytes)
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			if records.Unclosed {
				row.Faults |= UnclosedQuote
			}
			if row.N <= t.headerRow {
				t.above |= row.Faults
			}
			if row.Fields = fields; t.uneven {
				row.Fields = 0
			}
			if fields > 0 && !yield(row, nil) {
				return
			}
		}
	}
}

// mostUneven is how many of the first rows may have more or fewer fields than the header
// before that can be the rule.
const mostUneven = 8

// rowWidth says how wide a row is: how many fields it has, and where the last one stands
// that shows something.
type rowWidth struct{ n, fields, filled int }

// noteHeader notes the header of the roll. Some programs leave off blank fields at the end
// of each row: where most of the first rows are not as wide as the header, none is odd.
func (t *csvFile) noteHeader(h Header, widths []rowWidth) {
	t.headerRow, t.uneven = h.Row, false
	all, odd := 0, 0
	for _, w := range widths {
		if w.n > h.Row {
			if all++; w.beside(len(h.Columns)) != len(h.Columns) {
				odd++
			}
		}
	}
	t.uneven = !h.None && odd > mostUneven && 2*odd > all
}

// beside returns how many fields a row has beside a header of so many columns. Blank ones
// to the right of those do not count.
func (w rowWidth) beside(columns int) int { return min(w.fields, max(columns, w.filled)) }

// The codes of what is mended in a text, in a row or above all rows.
const (
	CodeQuote    = "quote_unclosed"
	CodeBytes    = "bytes_unreadable"
	CodeControls = "characters_left_out"
)

// tellFaults tells what was mended above the rows of the roll, and that rows are uneven.
func (t *csvFile) tellFaults(tell func(code, format string, args ...any)) {
	if t.above&UnclosedQuote != 0 {
		tell(CodeQuote, "In the header or above it, a quotation mark is never closed. Its field was ended with its line; "+
			"check whether all columns were found.")
	}
	if t.above&OddBytes != 0 {
		tell(CodeBytes, "In the header or above it, some letters are damaged. Check whether all columns were found.")
	}
	if t.above&OddCharacters != 0 {
		tell(CodeControls, "In the header or above it, characters that cannot be shown were left out.")
	}
	if t.uneven {
		tell("rows_uneven", "Most rows have more or fewer fields than the header. Those that are missing were read as "+
			"blank cells at the end of the row; check whether the cells are in their columns.")
	}
}

// parseField returns the cell of a field.
func (t *csvFile) parseField(text []byte, texts *arena) Cell {
	if len(text) <= t.src.budget.Cell {
		return parseTextCell(texts.add(text))
	}
	fits, cut := t.src.fitCell(text)
	return Cell{Text: string(fits), Cut: cut}
}

// parseTextCell returns the cell that a spreadsheet program would make of a text.
// Digits are a number, unless there are more than it can hold or a zero leads them.
func parseTextCell(text string) Cell {
	cell := Cell{Text: text}
	if len(text) == 0 || text[0] > '9' && text[0] < utf8.RuneSelf {
		return cell // most texts begin with a letter
	}
	if trimmed := strings.TrimSpace(text); trimmed != "" && len(trimmed) <= 15 && trimmed[0] != '0' &&
		isDigits(trimmed) {
		cell.Kind, cell.Text = Number, trimmed
	}
	return cell
}
