package inspect

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// Row is a row of a sheet, as text.
type Row struct {
	Sheet string `json:"sheet"` // "" of a text
	Row   int    `json:"row"`   // its number in the sheet, from 1
	// Cells run from column A to the last one that has text.
	Cells []string `json:"cells"`
}

// WriteRows writes the rows that are read of a file of size bytes, header and all, as
// lines of JSON, each a Row. It leaves out rows without any text, and hides nothing.
// Without allSheets it writes those of the sheet that File reads. Errors are those of
// File; one about a row comes after the rows above it have been written.
func WriteRows(
	ctx context.Context, w io.Writer, r io.ReaderAt, size int64, budget workbook.Budget, allSheets bool,
) error {
	book, err := workbook.Open(ctx, r, size, budget)
	if err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	defer func() { _ = book.Close() }() // a reader
	sheets := book.Sheets
	if !allSheets {
		columns, err := schema.Columns()
		if err != nil {
			return err
		}
		found, err := book.Look(columns, nil)
		if err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		sheets = []*workbook.Sheet{found.Sheet}
	}
	out := bufio.NewWriterSize(w, 64<<10)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for _, sheet := range sheets {
		if err := writeSheet(lines, sheet); err != nil {
			_ = out.Flush() // what is wrong with the file tells more
			return fmt.Errorf("write rows: %w", err)
		}
	}
	return out.Flush()
}

func writeSheet(lines *json.Encoder, sheet *workbook.Sheet) error {
	line := Row{Sheet: sheet.Name}
	for row, err := range sheet.OrderedRows() {
		if err != nil {
			return err
		}
		line.Row, line.Cells = row.N, line.Cells[:0]
		last := 0
		for i := range row.Cells {
			if line.Cells = append(line.Cells, row.Cells[i].Text); row.Cells[i].Text != "" {
				last = i + 1
			}
		}
		if line.Cells = line.Cells[:last]; last == 0 {
			continue
		}
		if err := lines.Encode(&line); err != nil {
			return err
		}
	}
	return nil
}
