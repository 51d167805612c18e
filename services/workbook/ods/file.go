package ods

import "io"

// The size of a sheet. Nothing that shows something stands beyond it.
const (
	maxColumns = 16_384
	maxRows    = 1_048_576
)

// Meter counts what reading a file takes of its budget, and ends the reading when its
// context ends. Its errors are refusals of the file, or say why the reading ended; a
// reader passes them on.
type Meter interface {
	io.ReaderAt // of the file
	// Unpack counts what comes out of r.
	Unpack(r io.Reader) io.Reader
	// Again is Unpack for what was counted before.
	Again(r io.Reader) io.Reader
	// AddSheet counts a sheet and its name.
	AddSheet(name string) error
	// AddName counts another name that is kept in memory.
	AddName(name string) error
	// AddRow counts the places of a row, up to its last cell, and the bytes of its text.
	AddRow(places, text int) error
	// CheckRow fails where a row, so far, has more bytes of text than one may have.
	CheckRow(text int) error
	// FitCell cuts the text of a cell to as many characters as one may have. Cut says
	// whether what is left out shows anything.
	FitCell(text []byte) (fits []byte, cut bool)
	// LongCell refuses a file for a text that no reader holds.
	LongCell() error
}

// Kind is how a cell is stored.
type Kind uint8

// The kinds of cells. A blank cell is Text.
const (
	Text   Kind = iota
	Number      // Cell.Text is a decimal number, perhaps with an exponent
	Date        // Cell.Text is a date or a time of day, such as 2006-01-02T15:04:05
	Failed      // a formula that failed; Cell.Text is like #N/A
)

// Cell is one cell of a sheet.
type Cell struct {
	// Text is valid until the next row.
	Text []byte
	Kind Kind
	// Formula says that the value was calculated, NoResult that the file has no value
	// although it should.
	Formula, NoResult bool
	// Cut says that the file has more text than a cell can hold, and Text its beginning.
	Cut bool
	// Lost says that the file has something in the cell that cannot be read.
	Lost bool
}

// blank reports whether there is nothing to say of the cell.
func (c *Cell) blank() bool { return len(c.Text) == 0 && !c.Formula && !c.Lost && c.Kind == Text }

// Row is a row of a sheet.
type Row struct {
	// N is the row's number in the sheet, from 1.
	N int
	// Hidden says that the sheet does not show the row, Filtered that a filter is why.
	Hidden, Filtered bool
	// Cells run from column A to the last one that holds something.
	Cells []Cell
}

// Sheet is one sheet of a file.
type Sheet struct {
	Name   string
	Hidden bool
	// LastRow is the number of the last row, as far as the file tells; 0 where it does
	// not. It may be wrong.
	LastRow int
	// Read visits the rows from the top, those that hold something at the least, until
	// visit returns false. Each row overwrites the one before.
	Read func(visit func(Row) bool) error
}

// Book is an open file. The caller closes it.
type Book struct {
	Sheets []Sheet
	Close  func() error
}
