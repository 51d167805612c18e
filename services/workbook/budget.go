package workbook

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"rollcall.example/events/refusal"
	"rollcall.example/services/workbook/xmlscan"
)

// Budget is the most that reading one file may take, from Open to Close. Everything is
// counted while it is read, so what a file says of itself does not matter. The zero
// value means the defaults, which no roll comes near. Whatever a file holds, reading it
// within the defaults takes less than 256 MB of memory.
type Budget struct {
	// Bytes is how many bytes may be unpacked. A part that is read again counts
	// again, except the one that holds all sheets of an .ods file. 0 means 4 GiB,
	// several times what a sheet of a million rows takes.
	Bytes int64
	// Text is how many bytes of text the cells may have together. A shared string
	// counts for each cell that names it. 0 means 2 GiB.
	Text int64
	// Ratio is how many times the size of the file Bytes and Text may be; 0 means 200.
	// It applies to Bytes from 64 MiB on and to Text from 16 MiB on, because small
	// files full of repetition pack very well.
	Ratio int64
	// Parts is how many files the archive may have; 0 means 20,000.
	Parts int
	// Relations is how many relationships between parts may be read; 0 means 20,000.
	Relations int
	// Names is how many bytes the names of parts, relationships and sheets may have
	// together; 0 means 4 MiB. A thousand sheets need a twentieth of it.
	Names int
	// Sheets is how many sheets the workbook may have; 0 means 1,000.
	Sheets int
	// Styles is how many styles, and how many formats of numbers, the workbook may
	// have; 0 means 65,536, which is more than spreadsheet programs allow.
	Styles int
	// Strings is how many shared strings may be read; 0 means 10,000,000.
	Strings int
	// StringBytes is how many bytes the shared strings may have together, of which
	// 32 MiB are kept in memory and the others on the disk; 0 means 1 GiB.
	StringBytes int64
	// Cell is how many characters a cell may have, in units of UTF-16 as spreadsheet
	// programs count; 0 means 32,767. A longer text is cut to that (Cell.Cut). One of
	// more than a megabyte refuses the file.
	Cell int
	// Row is how many bytes of text a row may have, and a record of comma-separated
	// values with its punctuation; 0 means 1 MiB.
	Row int
	// Cells is how many places for cells may be read, including blank ones left of
	// others; 0 means 200,000,000.
	Cells int
	// Time is how long the file may be open; 0 means 10 minutes.
	Time time.Duration
}

// StoredBudget returns the budget for a file that was accepted or made here. A report has
// more than its upload, and no cell is cut, so that a search misses nothing.
func StoredBudget() Budget {
	return Budget{Cell: xmlscan.MaxToken, Row: 4 << 20, Text: 4 << 30, Ratio: 2000}
}

const (
	ratioFrom     = 64 << 20
	textRatioFrom = 16 << 20
)

// withDefaults fills in what is zero for a file of size bytes.
func (b Budget) withDefaults(size int64) Budget {
	b.Ratio = cmp.Or(b.Ratio, 200)
	b.Bytes = min(cmp.Or(b.Bytes, 4<<30), max(ratioFrom, b.Ratio*size))
	b.Text = min(cmp.Or(b.Text, 2<<30), max(textRatioFrom, b.Ratio*size))
	b.Parts = cmp.Or(b.Parts, 20_000)
	b.Relations = cmp.Or(b.Relations, 20_000)
	b.Names = cmp.Or(b.Names, 4<<20)
	b.Sheets = cmp.Or(b.Sheets, 1000)
	b.Styles = cmp.Or(b.Styles, 1<<16)
	b.Strings = cmp.Or(b.Strings, 10_000_000)
	b.StringBytes = cmp.Or(b.StringBytes, 1<<30)
	b.Cell = cmp.Or(b.Cell, 32_767)
	b.Row = cmp.Or(b.Row, 1<<20)
	b.Cells = cmp.Or(b.Cells, 200_000_000)
	b.Time = cmp.Or(b.Time, 10*time.Minute)
	return b
}

// exceeded refuses a file that has more of something than its budget allows. The
// message says so in a sentence and what to do; of names the limit for programs.
func exceeded[N int | int64](of string, limit N, message string) *refusal.Error {
	return &refusal.Error{Code: refusal.CodeTooLarge, Message: message,
		Details: map[string]any{"of": of, "limit": limit}, Err: fmt.Errorf("more %s than %d", of, limit)}
}

// tooMany refuses a workbook that has more of something than its budget allows.
func tooMany[N int | int64](of string, limit N) *refusal.Error {
	return exceeded(of, limit, fmt.Sprintf("The workbook has more than %d %s. "+
		"Copy the rows of the roll into a new workbook and upload that.", limit, of))
}

func tooManyBytes(limit int64) *refusal.Error {
	return exceeded("bytes", limit, fmt.Sprintf("The workbook unpacks to more than %d MB. "+
		"Remove what is not part of the roll, or upload it in parts.", limit>>20))
}

func cellTooLong(limit int) *refusal.Error {
	return exceeded("characters of a cell", limit, fmt.Sprintf("A cell has more than %d characters, "+
		"by far, which is more than a spreadsheet program can hold. Shorten it and upload the file again.", limit))
}

func rowTooWide() *refusal.Error {
	return exceeded("columns", maxColumns, fmt.Sprintf("A row has more than %d columns. In a text of "+
		"comma-separated values, a quotation mark may not be closed. Correct the row and upload the file again.",
		maxColumns))
}

func rowTooLong(limit int) *refusal.Error {
	return exceeded("bytes of a row", limit, fmt.Sprintf("A row has more than %d KB of text. In a text of "+
		"comma-separated values, a quotation mark may not be closed. Shorten the row and upload the file again.",
		limit>>10))
}

var errTime = errors.New("the file takes too long to read")

func tooSlow(limit time.Duration) *refusal.Error {
	return &refusal.Error{Code: refusal.CodeTooLarge, Err: errTime,
		Details: map[string]any{"of": "seconds", "limit": limit.Seconds()},
		Message: "The file takes too long to read. Copy the rows of the roll into a new workbook and upload that."}
}

// refuse returns the refusal of a file. The cause is nil where the file itself is
// at fault.
func refuse(code, message string, cause error) *refusal.Error {
	return &refusal.Error{Code: code, Message: message, Err: cause}
}

// unreadable refuses a file that cannot be read. It passes on a refusal that cause
// already holds.
func unreadable(cause error) error {
	if known, ok := errors.AsType[*refusal.Error](cause); ok {
		return known
	}
	return refuse(refusal.CodeUnreadable, "The workbook cannot be read. Open it in a spreadsheet program, "+
		"save it as a new .xlsx file and upload that.", cause)
}
