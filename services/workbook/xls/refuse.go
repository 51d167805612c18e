package xls

import (
	"errors"
	"fmt"
)

// ErrPassword says that the file cannot be read without a password.
var ErrPassword = errors.New("the workbook has a password")

// ErrOld says that the file is a workspace of Excel 4, or a macro or a chart of that time.
var ErrOld = errors.New("the workbook is of a kind that is too old")

// LimitRow is what a LimitError is of where a row has too much text.
const LimitRow = "bytes of a row"

// What is wrong with the structure of a file. Callers need not tell one from the other.
var (
	errShort   = errors.New("a record ends before its content does")
	errChain   = errors.New("a chain of sectors has no end")
	errNoStart = errors.New("a sheet does not begin where the workbook says")
)

// KindError says what a file is that is no workbook which this package reads.
type KindError struct{ What string } // such as "a Word document"

// Error implements error.
func (e *KindError) Error() string { return "the file is " + e.What }

// LimitError says that a file has more of something than the caller allows.
type LimitError struct {
	Of    string // such as "sheets"
	Limit int
}

// Error implements error.
func (e *LimitError) Error() string { return fmt.Sprintf("more %s than %d", e.Of, e.Limit) }

// Limits are the most that a file may have. All are set.
type Limits struct {
	Entries int // in the container's directory
	Sheets  int
	Styles  int // and formats of numbers
	Names   int // bytes of the names of sheets and of formats together
	Row     int // bytes of text in a row, without shared strings
}
