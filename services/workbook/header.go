package workbook

import (
	"fmt"
	"slices"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

// headerRows is how many rows from the top may hold the header.
const headerRows = 50

// looseColumns is how many columns may have a header that is not exactly a known name.
// Looking for its meaning takes time, and a sheet has thousands of columns.
const looseColumns = 1000

// reasonKey is schema.ReasonHeader as Fold makes it.
var reasonKey = Fold(schema.ReasonHeader)

// maxMatches is how many texts a headerFinder remembers the meaning of.
const maxMatches = 4096

// headerMatch is what headerIndex.match returns.
type headerMatch struct {
	field string
	exact bool
}

// maxNamed is how many names of the ID column a refusal gives.
const maxNamed = 6

// Header says where the columns of a roll are.
type Header struct {
	// Row is the number of the header's row in the sheet, from 1; the lower one of two. It
	// is 0 where None.
	Row int
	// None says that the sheet has no header: a mapping says by letters what its columns
	// are, and all rows are below. Columns then has the names of the fields.
	None bool
	// Columns are the texts of the header, from column A to the last column that
	// has a text; blank columns between them are "".
	Columns []string
	// Fields maps the canonical name of a column to its index in Columns. Unknown
	// columns have no entry. A guessed column may lie behind Columns.
	Fields map[string]int
	// Reasons are the indexes of the columns that a workbook of rejected rows has
	// beside those of the upload. They do not belong to the roll: their texts in
	// Columns are "", and nobody reads their cells.
	Reasons []int
	// Twice maps the index of each column that means the same as a used one to the
	// index of that.
	Twice map[int]int
	// LeftOut are the columns that a mapping leaves out, and Mapped those of which it says
	// which field they are; nil for none.
	LeftOut, Mapped map[int]bool
	// Guess says how the ID column was found where no header told; nil where one did.
	Guess *Guess
}

// Guess says why a column was taken for the one of the ID numbers: IDs of its Filled
// cells among the first rows are valid ones.
type Guess struct{ Column, IDs, Filled int }

// candidate is a row, or two, read as a header.
type candidate struct {
	row     int
	texts   []string
	fields  []string // by column, "" for none
	exact   []bool   // by column
	reasons []int
	known   int  // how many fields it names
	named   bool // one of them is the ID number
	hits    int  // how many entries of a mapping name one of the texts
	twoRows bool // the row above belongs to it
}

// headerFinder finds the header among the first rows of a sheet: the row with an ID
// column and the most known columns, the upper one of equals. Where no row names the ID
// column, cells that are ID numbers tell it. It keeps the texts of a few rows.
type headerFinder struct {
	index   *headerIndex
	hints   *hints    // the names of a mapping; nil for none
	fixed   *fixed    // a mapping whose place is known; nil for none
	best    candidate // with an ID column
	other   candidate // without one
	above   candidate // the last row before the first ID number
	idSeen  bool
	first   firstRow // where hints are given
	prev    []string // the texts of row prevRow
	prevRow int
	samples []columnSample
	matches map[string]headerMatch // of texts seen before, which rows repeat
	nearest []string               // the known headers of the row that has most of them
}

func newHeaderFinder(index *headerIndex) *headerFinder {
	return &headerFinder{index: index, matches: make(map[string]headerMatch)}
}

// add looks at the next row. The header is not further down than headerRows.
func (f *headerFinder) add(row Row) {
	if row.N > sampleRows {
		return
	}
	hasID := f.sample(row)
	if row.N > headerRows {
		return
	}
	f.idSeen = f.idSeen || hasID
	texts := make([]string, 0, len(row.Cells))
	for _, cell := range row.Cells {
		texts = append(texts, collapseSpaces(cell.Text))
	}
	if f.fixed != nil {
		f.addFixed(row.N, texts)
		return
	}
	if f.hints != nil && f.first.n == 0 {
		f.first = newFirstRow(row, texts, hasID)
	}
	if f.hints != nil && hasID {
		return // whoever names columns by what a member's row says means another row
	}
	c := f.read(row.N, texts)
	if joined, ok := f.join(row.N, texts); ok && !hasID && joined.beats(c) {
		c = joined
	}
	f.consider(c)
	f.prev, f.prevRow = texts, row.N
}

func (f *headerFinder) consider(c candidate) {
	if c.named && c.beats(f.best) {
		f.best = c
	}
	if !c.named && c.beats(f.other) {
		f.other = c
	}
	if !f.idSeen {
		f.above = c
	}
	if c.known > 0 {
		var known []string
		for i, field := range c.fields {
			if field != "" {
				known = append(known, c.texts[i])
			}
		}
		if len(known) > len(f.nearest) {
			f.nearest = known
		}
	}
}

// read reads texts as the header in row n.
func (f *headerFinder) read(n int, texts []string) candidate {
	c := candidate{row: n}
	for i, text := range texts {
		field, exact := f.match(i, text)
		c.add(i, text, field, exact)
	}
	c.hits = f.hints.count(c.texts)
	return c
}

// match returns the field that the text of a header in column i means. What a mapping
// says goes first.
func (f *headerFinder) match(i int, text string) (field string, exact bool) {
	if field, said := f.fixed.field(i); said {
		return field, true
	}
	if entry, named := f.hints.find(text); named {
		return f.hints.entries[entry].Field, true
	}
	if i < looseColumns {
		if m, ok := f.matches[text]; ok {
			return m.field, m.exact
		}
		field, exact = f.index.match(text)
		if len(f.matches) < maxMatches {
			f.matches[text] = headerMatch{field, exact}
		}
		return field, exact
	}
	field = f.index.matchExact(text)
	return field, field != ""
}

// join reads row n and the one above as one header: a text above a blank cell is the
// column's own, as cells merged over two rows have it. One above others names their
// group, as cells merged over columns have it.
func (f *headerFinder) join(n int, texts []string) (candidate, bool) {
	if f.prevRow != n-1 || len(f.prev) == 0 {
		return candidate{}, false
	}
	filled := 0
	for _, text := range f.prev {
		if text != "" {
			filled++
		}
	}
	c := candidate{row: n, twoRows: true}
	group := ""
	for i := range max(len(texts), len(f.prev)) {
		own, text := textAt(f.prev, i), textAt(texts, i)
		if own != "" {
			group = own
		}
		if text == "" {
			field, exact := f.match(i, own)
			c.add(i, own, field, exact)
			continue
		}
		field, exact := f.match(i, text)
		// A title stands alone in its row; a group has others beside it.
		if _, named := f.hints.find(text); group != "" && !named && (field == "" || filled > 1) {
			both := group + " " + text
			if joined, fits := f.match(i, both); joined != "" && (field == "" || fits) {
				text, field, exact = both, joined, fits
			} else if field == "" && filled > 1 {
				text = both // a stranger's name says its group
			}
		}
		c.add(i, text, field, exact)
	}
	c.hits = f.hints.count(c.texts)
	return c, true
}

func textAt(texts []string, i int) string {
	if i < len(texts) {
		return texts[i]
	}
	return ""
}

// add adds column i.
func (c *candidate) add(i int, text, field string, exact bool) {
	if text != "" && len(text) <= maxHeader && Fold(text) == reasonKey {
		c.reasons = append(c.reasons, i)
		text, field = "", ""
	}
	if field != "" && !slices.Contains(c.fields, field) {
		c.known++
		c.named = c.named || field == schema.FieldID
	}
	c.texts, c.fields, c.exact = append(c.texts, text), append(c.fields, field), append(c.exact, exact)
}

// header returns the header, and the known headers of the row that has most of them.
// Where there is none the Header has no row.
func (f *headerFinder) header() (Header, []string) {
	if h, ok := f.guessed(); ok {
		return h, f.nearest
	}
	if f.best.row == 0 {
		return Header{}, f.nearest
	}
	return f.choose(f.best), f.nearest
}

// choose gives each field its column. Of several the one whose name means nothing else
// is taken, then the one with the field's exact name, then the fuller one, then the left
// one; of several for the ID number the one that has most of them. Beside a column whose
// name means nothing else, one whose name does is the other field's, unless that has one.
func (f *headerFinder) choose(c candidate) Header {
	h := Header{Row: c.row, Fields: make(map[string]int), Reasons: c.reasons, Twice: make(map[int]int)}
	better := func(field string, i, j int) bool {
		_, a := f.fixed.field(i)
		if _, b := f.fixed.field(j); a != b {
			return a
		}
		if field == schema.FieldID {
			if a, b := f.ids(i, c.row), f.ids(j, c.row); a != b {
				return a > b
			}
		}
		if a, b := f.otherwise(c, i) == "", f.otherwise(c, j) == ""; a != b {
			return a
		}
		if c.exact[i] != c.exact[j] {
			return c.exact[i]
		}
		return f.filled(i, c.row) > f.filled(j, c.row)
	}
	for i, field := range c.fields {
		if field == "" {
			continue
		}
		if j, taken := h.Fields[field]; !taken || better(field, i, j) {
			h.Fields[field] = i
		}
	}
	for i, field := range c.fields {
		if field == "" || h.Fields[field] == i {
			continue
		}
		if other := f.otherwise(c, i); other != "" && f.otherwise(c, h.Fields[field]) == "" {
			if _, taken := h.Fields[other]; !taken {
				h.Fields[other] = i
				continue
			}
		}
		h.Twice[i] = h.Fields[field]
	}
	h.LeftOut, h.Mapped = f.fixed.columns()
	h.Columns = c.texts
	for len(h.Columns) > 0 && h.Columns[len(h.Columns)-1] == "" {
		h.Columns = h.Columns[:len(h.Columns)-1]
	}
	return h
}

// otherwise returns the field that column i is for where another has its field, "" for
// none.
func (f *headerFinder) otherwise(c candidate, i int) string {
	if c.exact[i] {
		return f.index.or[Fold(c.texts[i])]
	}
	return ""
}

// refuseNoIDColumn refuses a workbook without an ID column. It names the known
// headers that were found and no other text: where there is no header at all, other
// text would be a person's row.
func refuseNoIDColumn(found []string, columns []schema.Column) error {
	names := []string(nil)
	if i := slices.IndexFunc(columns, func(c schema.Column) bool { return c.Field == schema.FieldID }); i >= 0 {
		names = columns[i].Names()
		names = names[:min(len(names), maxNamed)]
	}
	seen := "No header row was found either; without one, a mapping has to say which column is what, by its letter."
	if len(found) > 0 {
		seen = "Columns found: " + events.MaskIDs(strings.Join(found, ", ")) + "."
	}
	return refuse(refusal.CodeNoIDColumn,
		fmt.Sprintf("No sheet has a column for the ID number within its first %d rows. %s "+
			"Name the column one of: %s.", headerRows, seen, strings.Join(names, ", ")), nil)
}

// collapseSpaces trims text and makes each run of white space one space.
func collapseSpaces(text string) string { return strings.Join(strings.Fields(text), " ") }
