// Package sheets writes workbooks of any number of rows in little memory. The
// xlsx library makes the package around them: styles, columns, panes, filters,
// lists to choose from. The rows themselves never meet it: they are written as
// they come, packed on all cores and spooled to disk.
package sheets

import (
	"errors"
	"fmt"
	"io"

	"github.com/tealeg/xlsx/v3"
)

// What a sheet may have.
const (
	MaxRows    = 1_048_576
	MaxColumns = 16_384
)

// Look is how the cells of a row are drawn.
type Look struct {
	Style *xlsx.Style
	// Height is that of the row, in points; 0 means the sheet's own.
	Height float64
}

// Config says what the cells of a workbook look like.
type Config struct {
	// Looks are named by their index in Sheet.Row; there must be one at least.
	Looks []Look
	// Formats are number formats, named by their index in Cell.Format; there
	// must be one at least, and the first is that of texts.
	Formats []string
	// SpoolDir is where rows wait until the book is written; "" means the
	// default folder for temporary files.
	SpoolDir string
}

// Book is a workbook in the making, for one goroutine. Close it in any case.
// The same rows in the same order give the same bytes.
type Book struct {
	cfg     Config
	spool   *spool
	strings *stringTable
	sheets  []*Sheet
	// styles is the number of a cell's style by look and format.
	styles [][]string
}

// New returns an empty book.
func New(cfg Config) (*Book, error) {
	if len(cfg.Looks) == 0 || len(cfg.Formats) == 0 {
		return nil, errors.New("new book: no looks or no formats")
	}
	b := &Book{cfg: cfg}
	var err error
	if b.styles, err = b.learnStyles(); err != nil {
		return nil, fmt.Errorf("new book: %w", err)
	}
	if b.spool, err = newSpool(cfg.SpoolDir); err != nil {
		return nil, fmt.Errorf("new book: %w", err)
	}
	b.strings = newStringTable(b.spool)
	return b, nil
}

// Sheet appends a sheet. A name has at most 31 characters.
func (b *Book) Sheet(name string) (*Sheet, error) {
	s := &Sheet{book: b, name: name, part: b.spool.part()}
	for range b.cfg.Looks {
		s.before = append(s.before, make([][2]string, len(b.cfg.Formats)))
	}
	for look, formats := range b.styles {
		for format, style := range formats {
			s.before[look][format] = [2]string{`" s="` + style + `"><v>`, `" s="` + style + `" t="s"><v>`}
		}
	}
	// The name is looked at now, not after the last row.
	if _, err := xlsx.NewFile().AddSheet(name); err != nil {
		return nil, fmt.Errorf("add sheet: %w", err)
	}
	b.sheets = append(b.sheets, s)
	return s, nil
}

// Text is a cell that holds a text, at most 32,767 UTF-16 units of it. It is no
// formula, whatever it begins with. The empty text is an empty cell.
func (b *Book) Text(text string) (Cell, error) {
	if text == "" {
		return Cell{}, nil
	}
	n, err := b.strings.number(text)
	if err != nil {
		return Cell{}, fmt.Errorf("write text: %w", err)
	}
	return Cell{kind: shared, text: n}, nil
}

// Write writes the book. Nothing can be added to it afterwards.
func (b *Book) Write(w io.Writer) error {
	parts, err := b.parts()
	if err != nil {
		return fmt.Errorf("write book: %w", err)
	}
	if err := b.spool.finish(); err != nil {
		return fmt.Errorf("write book: %w", err)
	}
	if err := assemble(w, parts); err != nil {
		return fmt.Errorf("write book: %w", err)
	}
	return nil
}

// Close gives the spool back.
func (b *Book) Close() error { return b.spool.close() }
