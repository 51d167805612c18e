// Package csvfile writes texts of comma-separated values (RFC 4180) that a spreadsheet
// program can open without harm: no cell becomes a formula.
package csvfile

import (
	"encoding/csv"
	"io"
	"strings"
	"unicode/utf8"
)

// MediaType is that of what a Writer writes.
const MediaType = "text/csv; charset=utf-8"

// Writer writes rows. It holds back some of them until Flush.
type Writer struct {
	csv  *csv.Writer
	room []string
}

// NewWriter returns a writer to w.
func NewWriter(w io.Writer) *Writer {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return &Writer{csv: c}
}

// Write writes a row, each cell made harmless.
func (w *Writer) Write(cells []string) error {
	w.room = w.room[:0]
	for _, text := range cells {
		w.room = append(w.room, Harmless(text))
	}
	return w.csv.Write(w.room)
}

// Flush writes what was held back.
func (w *Writer) Flush() error {
	w.csv.Flush()
	return w.csv.Error()
}

// Harmless returns a cell that no spreadsheet program takes for a formula: it puts an
// apostrophe before a text that begins with =, +, - or @, in any width, or with a
// control character. A number with a sign stays as it is.
func Harmless(text string) string {
	shown := strings.TrimLeft(text, " \u00a0\ufeff")
	first, _ := utf8.DecodeRuneInString(shown)
	switch first {
	case '=', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n', 0:
		if shown == "" {
			return text
		}
		return "'" + text
	case '+', '-':
		if !isNumber(shown[1:]) {
			return "'" + text
		}
	}
	return text
}

// isNumber reports whether a text has digits, and beside them nothing but what groups them.
func isNumber(text string) bool {
	digits := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c != '.' && c != ',' && c != ' ':
			return false
		}
	}
	return digits > 0
}
