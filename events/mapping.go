package events

// Mapping is what the uploader said of the columns of the file. It names places, so
// that whoever reads the file again reads the same.
type Mapping struct {
	// Sheet is the place of the sheet in the file, from 1.
	Sheet int `json:"sheet"`
	// Row is the number of the header's row, from 1; the lower one of two. It is 0 where the
	// sheet has no header: then all its rows are read.
	Row int `json:"header_row"`
	// TwoRows says that the row above belongs to the header.
	TwoRows bool `json:"two_rows,omitempty"`
	// Columns are in the order of their letters.
	Columns []MappedColumn `json:"columns"`
}

// MappedColumn is a column of which a mapping says what it is.
type MappedColumn struct {
	Letter string `json:"letter"` // as a spreadsheet program shows it
	Name   string `json:"name"`   // the header, ID numbers masked, "" for none
	// Field is the field of the column; "" where the column is left out.
	Field string `json:"field,omitempty"`
}

// NoHeader reports whether it is for a sheet without a header.
func (m *Mapping) NoHeader() bool { return m != nil && m.Row == 0 }

// List returns the columns; nil for a nil Mapping.
func (m *Mapping) List() []MappedColumn {
	if m == nil {
		return nil
	}
	return m.Columns
}

// maxColumns is how many columns a sheet may have: up to XFD.
const maxColumns = 16_384

// ColumnLetters names a column, from 0, as a spreadsheet program does.
func ColumnLetters(i int) string {
	letters := ""
	for n := i + 1; n > 0; n = (n - 1) / 26 {
		letters = string(rune('A'+(n-1)%26)) + letters
	}
	return letters
}

// ColumnIndex returns the column, from 0, that letters in either case name. Ok is
// false where they name none.
func ColumnIndex(letters string) (i int, ok bool) {
	n := 0
	for _, c := range []byte(letters) {
		if c |= 0x20; c < 'a' || c > 'z' {
			return 0, false
		}
		if n = n*26 + int(c-'a') + 1; n > maxColumns {
			return 0, false
		}
	}
	return n - 1, n > 0
}
