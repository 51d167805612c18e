package workbook

import (
	"cmp"
	"slices"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/mappings"
	"rollcall.example/schema"
)

// hints are the names of a mapping while the header is looked for, when nobody knows
// yet which columns they mean. A single letter tells nothing: members' rows have such
// cells too.
type hints struct {
	entries mappings.Mapping
	exact   map[string]int // by the text, the place of an entry
	folded  map[string]int // by Fold
}

func newHints(m mappings.Mapping) *hints {
	h := &hints{entries: m, exact: make(map[string]int), folded: make(map[string]int)}
	for i, e := range m {
		if len(e.Header) == 1 && isLetter(e.Header) {
			continue
		}
		h.exact[e.Header] = i
		if key := Fold(e.Header); key != "" {
			if _, taken := h.folded[key]; !taken {
				h.folded[key] = i
			}
		}
	}
	return h
}

// find returns the entry that names a header. Nil finds none.
func (h *hints) find(text string) (entry int, ok bool) {
	if h == nil || text == "" || len(text) > maxHeader {
		return 0, false
	}
	if entry, ok = h.exact[text]; !ok {
		entry, ok = h.folded[Fold(text)]
	}
	return entry, ok
}

// count counts the entries that name one of the texts.
func (h *hints) count(texts []string) int {
	if h == nil {
		return 0
	}
	found := make(map[int]bool)
	for _, text := range texts {
		if i, ok := h.find(text); ok {
			found[i] = true
		}
	}
	return len(found)
}

// shortName returns the name of the column that is said to be a field, where that may
// be a letter.
func (h *hints) shortName(field string) (name string, ok bool) {
	for _, e := range h.entries {
		if e.Field == field && isLetter(e.Header) {
			return e.Header, true
		}
	}
	return "", false
}

func isLetter(name string) bool {
	_, letter := events.ColumnIndex(name)
	return letter
}

// fixed is a header whose place a mapping gives.
type fixed struct {
	row     int
	twoRows bool
	fields  map[int]string // by column; "" where it is left out
	width   int            // the columns up to the last one in fields
}

func newFixed(m *events.Mapping) *fixed {
	f := &fixed{row: m.Row, twoRows: m.TwoRows, fields: make(map[int]string)}
	for _, c := range m.Columns {
		if i, ok := events.ColumnIndex(c.Letter); ok {
			f.fields[i] = c.Field
			f.width = max(f.width, i+1)
		}
	}
	return f
}

// field returns what is said of a column. Nil says nothing.
func (f *fixed) field(column int) (field string, said bool) {
	if f == nil {
		return "", false
	}
	field, said = f.fields[column]
	return field, said
}

// has reports whether a column is said to be a field.
func (f *fixed) has(field string) bool {
	if f != nil {
		for _, said := range f.fields {
			if said == field {
				return true
			}
		}
	}
	return false
}

// columns returns the columns that are left out and those that are fields; nil for none.
func (f *fixed) columns() (leftOut, mapped map[int]bool) {
	if f == nil {
		return nil, nil
	}
	leftOut, mapped = make(map[int]bool), make(map[int]bool)
	for i, field := range f.fields {
		if field == "" {
			leftOut[i] = true
		} else {
			mapped[i] = true
		}
	}
	return leftOut, mapped
}

// addFixed looks at a row where the header's place is known.
func (f *headerFinder) addFixed(n int, texts []string) {
	switch {
	case n < f.fixed.row:
		f.prev, f.prevRow = texts, n
	case n == f.fixed.row:
		for len(texts) < f.fixed.width {
			texts = append(texts, "")
		}
		c := f.read(n, texts)
		if joined, ok := f.join(n, texts); ok && f.fixed.twoRows {
			c = joined
		}
		f.idSeen = false // below it, not above
		f.consider(c)
	}
}

// mappedHead is what a mapping's names tell of the head of a sheet.
type mappedHead struct {
	candidate
	sheet *Sheet
	width int  // how many columns the sheet has
	data  bool // a row below shows something
	none  bool // the sheet needs no header, and has none
}

// RollMapped is Roll with what a person says of the columns. It returns that as a fact
// keeps it, for RollAt; nil where the person says nothing. A mapping that does not fit
// the sheet is a *refusal.Error that names what does not.
func (f *File) RollMapped(columns []schema.Column, m mappings.Mapping) (*Sheet, Header, *events.Mapping, error) {
	if len(m) == 0 {
		sheet, header, err := f.Roll(columns)
		return sheet, header, nil, err
	}
	head, err := f.findMapped(columns, m)
	if err != nil {
		return nil, Header{}, nil, err
	}
	said, err := resolve(m, head.texts, head.width)
	switch {
	case head.row == 0 && !head.none || err == nil && !head.data:
		// The file is no roll, whatever the mapping says.
		if _, _, err := f.Roll(columns); err != nil && head.row == 0 {
			return nil, Header{}, nil, err
		}
		return nil, Header{}, nil, refuseNoRows()
	case err != nil:
		return nil, Header{}, nil, err
	}
	fact := &events.Mapping{
		Sheet: slices.Index(f.Sheets, head.sheet) + 1, Row: head.row, TwoRows: head.twoRows, Columns: said,
	}
	sheet, header, err := f.RollAt(columns, fact)
	return sheet, header, fact, err
}

// findMapped returns the head of the sheet that Roll would take with a mapping: the first
// one whose columns are those that it names. Where there is none, it is the first one that
// has an ID column, or else the one that the mapping fits best.
func (f *File) findMapped(columns []schema.Column, m mappings.Mapping) (mappedHead, error) {
	index, names := newHeaderIndex(columns), newHints(m)
	var closest, first mappedHead
	for _, sheet := range f.inOrder() {
		finder, rows, err := sheet.readTop(func() *headerFinder {
			finder := newHeaderFinder(index)
			finder.hints = names
			return finder
		})
		if err != nil {
			return mappedHead{}, err
		}
		head, hasID := mappedHead{sheet: sheet, none: finder.hasNoHeader()}, true
		if !head.none {
			head.candidate, hasID = finder.pick()
		}
		head.width, head.data = max(len(head.texts), len(finder.samples)), rows.hasBelow(head.row)
		if hasID && head.data {
			if _, err := resolve(m, head.texts, head.width); err == nil {
				return head, nil
			}
			if first.sheet == nil {
				first = head
			}
		}
		if closest.row == 0 || head.beats(closest.candidate) {
			closest = head
		}
	}
	if first.sheet != nil {
		return first, nil
	}
	return closest, nil
}

// RollAt is Roll with a mapping that RollMapped returned for the same file; nil says
// nothing.
func (f *File) RollAt(columns []schema.Column, m *events.Mapping) (*Sheet, Header, error) {
	if m == nil {
		return f.Roll(columns)
	}
	if m.Sheet < 1 || m.Sheet > len(f.Sheets) {
		return nil, Header{}, mappings.Refuse(mappings.ReasonNoHeader, nil,
			"The file lacks the sheet that the mapping is for.")
	}
	sheet := f.Sheets[m.Sheet-1]
	if m.Row == 0 {
		header, err := sheet.readWithoutHeader(columns, m)
		return sheet, header, err
	}
	header, known, _, err := sheet.findHeader(func() *headerFinder {
		finder := newHeaderFinder(newHeaderIndex(columns))
		finder.fixed = newFixed(m)
		return finder
	})
	if err != nil {
		return nil, Header{}, err
	}
	if header.Row == 0 {
		return nil, Header{}, refuseNoIDColumn(known, columns)
	}
	return sheet, header, nil
}

// pick returns the row that a mapping's names tell to be the header, the one that has
// most of them. HasID says that there is a column for the ID number.
func (f *headerFinder) pick() (c candidate, hasID bool) {
	c = f.best
	if f.other.beats(c) && (f.other.hits > c.hits || c.row == 0) {
		c = f.other
	}
	if c.row == 0 || f.above.hits > c.hits {
		c = f.above
	}
	if c.row == 0 || c.named {
		return c, c.row > 0
	}
	if name, ok := f.hints.shortName(schema.FieldID); ok {
		i, _ := events.ColumnIndex(name)
		return c, len(columnsNamed(c.texts, name)) > 0 || f.ids(i, c.row) > 0
	}
	_, hasID = f.guess(c)
	return c, hasID
}

// beats reports whether a candidate tells more than another.
func (c candidate) beats(other candidate) bool {
	return cmp.Or(cmp.Compare(c.hits, other.hits), cmp.Compare(c.known, other.known)) > 0
}

// resolve returns the columns that a mapping means below the texts of a header, in the
// order of their letters. Width is how many columns the sheet has.
func resolve(m mappings.Mapping, texts []string, width int) ([]events.MappedColumn, error) {
	var missing, many, twice []string
	said := make(map[int]mappings.Entry)
	for _, e := range m {
		at := columnsNamed(texts, e.Header)
		if i, letter := events.ColumnIndex(e.Header); len(at) == 0 && letter && i < width {
			at = []int{i}
		}
		switch {
		case len(at) == 0:
			missing = append(missing, e.Header)
		case len(at) > 1 && e.Field != "":
			many = append(many, e.Header)
		}
		for _, i := range at {
			if before, ok := said[i]; ok && before.Field != e.Field {
				twice = append(twice, before.Header, e.Header)
			}
			said[i] = e
		}
	}
	switch {
	case missing != nil:
		return nil, mappings.Refuse(mappings.ReasonNoHeader, missing,
			"The mapping names headers that the sheet does not have: %s.")
	case many != nil:
		return nil, mappings.Refuse(mappings.ReasonHeaderTwice, many,
			"Several columns have these headers: %s. Name the one that is meant by its letter.")
	case twice != nil:
		return nil, mappings.Refuse(mappings.ReasonHeaderTwice, slices.Compact(twice),
			"The mapping says two things of one column: %s.")
	}
	list := make([]events.MappedColumn, 0, len(said))
	for i, e := range said {
		list = append(list, events.MappedColumn{
			Letter: events.ColumnLetters(i), Name: events.MaskHeader(textAt(texts, i)), Field: e.Field,
		})
	}
	slices.SortFunc(list, func(a, b events.MappedColumn) int {
		return cmp.Or(cmp.Compare(len(a.Letter), len(b.Letter)), strings.Compare(a.Letter, b.Letter))
	})
	return list, nil
}

// columnsNamed returns the columns that have a header: letter by letter, else as Fold
// makes it.
func columnsNamed(texts []string, header string) (exact []int) {
	var folded []int
	key := Fold(header)
	for i, text := range texts {
		switch {
		case text == "" || len(text) > maxHeader:
		case text == header:
			exact = append(exact, i)
		case key != "" && Fold(text) == key:
			folded = append(folded, i)
		}
	}
	if exact == nil {
		return folded
	}
	return exact
}

// Fits reports whether all headers that a mapping names stand in a header, and at least
// one does by its text: a letter fits any file.
func (h Header) Fits(m mappings.Mapping) bool {
	named := false
	for _, e := range m {
		found := len(columnsNamed(h.Columns, e.Header)) > 0
		if !found && !isLetter(e.Header) {
			return false
		}
		named = named || found
	}
	return named
}
