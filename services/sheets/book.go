// Package sheets writes workbooks of any number of rows in little memory. The xlsx
// library makes the package around the rows: styles, columns, panes, filters, lists
// to choose from. The rows themselves never pass through it: they are written as
// they come, compressed on all cores and spooled to disk.
package sheets

import (
	"errors"
	"fmt"
	"io"

	"github.com/tealeg/xlsx/v3"
)

// The size of a sheet.
const (
	MaxRows    = 1_048_576
	MaxColumns = 16_384
)

// Look says how the cells of a row are drawn.
type Look struct {
	Style *xlsx.Style
	// Height is the row's height, in points; 0 means the sheet's default.
	Height float64
	// WholeRow says that the row looks so where it has no cells, too.
	WholeRow bool
}

// ErrTooLarge says that a book is larger than Config.MaxSize.
var ErrTooLarge = errors.New("book too large")

// Config says what the cells of a workbook look like.
type Config struct {
	// Looks are named by their index in Sheet.WriteRow. At least one is required.
	Looks []Look
	// Formats are number formats, named by their index in Number. At least one
	// is required; the first is that of texts.
	Formats []string
	// MaxSize is how large the book may be, in bytes; 0 means as large as it gets.
	// The error of a larger one is ErrTooLarge.
	MaxSize int64
	// SpoolDir is the folder that holds rows until the book is written; "" means
	// the system's temporary folder.
	SpoolDir string
}

// Book is a workbook in the making. It is not safe for concurrent use. The caller
// closes it in any case. The same rows in the same order give the same bytes.
type Book struct {
	cfg     Config
	spool   *spool
	strings *stringTable
	sheets  []*Sheet
	// styles are the library's style numbers by look and format.
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
	if b.spool, err = newSpool(cfg.SpoolDir, cfg.MaxSize); err != nil {
		return nil, fmt.Errorf("new book: %w", err)
	}
	b.strings = newStringTable(b.spool)
	return b, nil
}

// AddSheet appends a sheet. A name has at most 31 characters.
func (b *Book) AddSheet(name string) (*Sheet, error) {
	s := &Sheet{book: b, name: name, part: b.spool.newPart()}
	for range b.cfg.Looks {
		s.cellOpenings = append(s.cellOpenings, make([][2]string, len(b.cfg.Formats)))
	}
	for look, formats := range b.styles {
		for format, style := range formats {
			s.cellOpenings[look][format] = [2]string{`" s="` + style + `"><v>`, `" s="` + style + `" t="s"><v>`}
		}
	}
	// Check the name now, not after the last row.
	if _, err := xlsx.NewFile().AddSheet(name); err != nil {
		return nil, fmt.Errorf("add sheet: %w", err)
	}
	b.sheets = append(b.sheets, s)
	return s, nil
}

// AddText adds a text to the book and returns a cell that shows it: at most 32,767
// UTF-16 units. The cell is no formula, whatever the text begins with. The empty
// text gives an empty cell.
func (b *Book) AddText(text string) (Cell, error) {
	if text == "" {
		return Cell{}, nil
	}
	n, err := b.strings.index(text)
	if err != nil {
		return Cell{}, fmt.Errorf("write text: %w", err)
	}
	return Cell{kind: shared, text: n}, nil
}

// Write writes the book. Nothing can be added afterwards.
func (b *Book) Write(w io.Writer) error {
	parts, err := b.buildFiles()
	if err != nil {
		return fmt.Errorf("write book: %w", err)
	}
	if err := b.spool.finish(); err != nil {
		return fmt.Errorf("write book: %w", err)
	}
	if err := writePackage(w, parts); err != nil {
		return fmt.Errorf("write book: %w", err)
	}
	return nil
}

// Close releases the spool.
func (b *Book) Close() error { return b.spool.close() }
