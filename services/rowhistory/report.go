package rowhistory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"rollcall.example/events"
	"rollcall.example/services/workbook"
)

// findInReport looks into the report itself: its sheets name in their first column
// the row of the upload, in that order.
func (r *Reader) findInReport(ctx context.Context, report events.Artifact, n int) ([]Sheet, error) {
	file, err := r.store.Fetch(ctx, report)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // a local copy
	book, err := workbook.Open(ctx, file, report.Size, workbook.StoredBudget())
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	defer func() { _ = book.Close() }() // a reader
	list := []Sheet{}
	want := strconv.Itoa(n)
	for _, sheet := range book.Sheets[1:] { // the first is the summary
		for row, err := range sheet.Rows() {
			if err = errors.Join(err, ctx.Err()); err != nil {
				return nil, fmt.Errorf("read report: %w", err)
			}
			if len(row.Cells) == 0 || row.Cells[0].Kind != workbook.Number {
				continue
			}
			if row.Cells[0].Text == want {
				list = append(list, Sheet{sheet.Name, row.N})
				break
			}
			if at, err := strconv.Atoi(row.Cells[0].Text); err != nil || at > n {
				break
			}
		}
	}
	return slices.Clip(list), nil
}
