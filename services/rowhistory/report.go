package rowhistory

import (
	"context"
	"errors"
	"fmt"

	"rollcall.example/events"
	"rollcall.example/services/sheets"
)

// findInReport looks into the report itself: its sheets name in their first column
// the row of the upload, in that order. Where the report is so large that this takes
// longer than sheetsTime, the list is what was found until then.
func (r *Reader) findInReport(ctx context.Context, report events.Artifact, h *History) error {
	file, err := r.store.Fetch(ctx, report)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // a local copy
	limited, cancel := context.WithTimeout(ctx, r.sheetsTime)
	defer cancel()
	places, err := sheets.Find(limited, file, report.Size, h.Row)
	for _, p := range places {
		h.Sheets = append(h.Sheets, Sheet{p.Sheet, p.Row})
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		h.SheetsUnfinished = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("read report: %w", err)
	}
	return nil
}
