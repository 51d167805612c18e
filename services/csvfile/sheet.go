package csvfile

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"rollcall.example/services/workbook"
)

// Book is a workbook of ours whose sheets can be had as texts. Always close it.
type Book struct{ file *workbook.File }

// OpenBook opens a workbook of size bytes that was made here.
func OpenBook(ctx context.Context, r io.ReaderAt, size int64) (*Book, error) {
	file, err := workbook.Open(ctx, r, size, workbook.StoredBudget())
	if err != nil {
		return nil, fmt.Errorf("open workbook: %w", err)
	}
	return &Book{file}, nil
}

// Close closes the workbook.
func (b *Book) Close() error { return b.file.Close() }

// Names lists the sheets as addresses name them: Invalid IDs is invalid_ids.
func (b *Book) Names() (list []string) {
	for _, s := range b.file.Sheets {
		list = append(list, NameOf(s.Name))
	}
	return list
}

// NameOf returns the letters and digits of a sheet's name, small and joined by _.
func NameOf(sheet string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(sheet), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "_")
}

// Has reports whether there is a sheet of that name, spelled as Names does or as the
// workbook shows it.
func (b *Book) Has(name string) bool { return slices.Contains(b.Names(), NameOf(name)) }

// widthRows is how many rows of a sheet tell how wide it is.
const widthRows = 1000

// Write writes the sheets of that name, or with "" all of them, one below the other. It
// holds few rows of them.
func (b *Book) Write(w *Writer, name string) error {
	for _, s := range b.file.Sheets {
		if name == "" || NameOf(s.Name) == NameOf(name) {
			if err := writeSheet(w, s.Rows()); err != nil {
				return fmt.Errorf("write sheet: %w", err)
			}
		}
	}
	return w.Flush()
}

// writeSheet gives rows the width of the widest of the first ones, so that most tables
// have one width.
func writeSheet(w *Writer, rows iter.Seq2[workbook.Row, error]) error {
	width := 0
	var first [][]string
	write := func(cells []string) error {
		for len(cells) < width {
			cells = append(cells, "")
		}
		return w.Write(cells)
	}
	writeFirst := func() error {
		for _, cells := range first {
			if err := write(cells); err != nil {
				return err
			}
		}
		first = nil
		return nil
	}
	var room []string
	n := 0
	for row, err := range rows {
		if err != nil {
			return err
		}
		room = room[:0]
		for _, c := range row.Cells {
			room = append(room, c.Text)
		}
		if n++; n <= widthRows {
			cells := make([]string, len(room))
			for i, text := range room {
				cells[i] = strings.Clone(text) // the reader uses its memory again
			}
			first, width = append(first, cells), max(width, len(cells))
			continue
		}
		if first != nil {
			if err := writeFirst(); err != nil {
				return err
			}
		}
		if err := write(room); err != nil {
			return err
		}
	}
	return writeFirst()
}
