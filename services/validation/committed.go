package validation

import (
	"context"
	"errors"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

// takeDryRun makes the rows and rejects of the dry run that this job commits those of
// this job. They are copies: how long each job keeps its own is for each to say. The
// file is not read again.
func (s *Service) takeDryRun(ctx context.Context, w *stage.Work) (*events.Validated, error) {
	dry, err := w.LoadCommitted(ctx)
	if err != nil {
		return nil, err
	}
	w.Progress(events.FileReading, 0, 0, "Taking the rows of the dry run")
	was, store := dry.Validated, s.cfg.Store
	fact := &events.Validated{Stats: was.Stats, ColumnUse: was.ColumnUse, FileWarnings: was.FileWarnings}
	fact.Rows, err = records.Copy[records.Row](ctx, store, was.Rows, w.ArtifactName("rows"), w.Header("rows"))
	if err != nil {
		return nil, err
	}
	fact.Rejects, err = records.Copy[records.RejectedRow](ctx, store, was.Rejects, w.ArtifactName("rejects"),
		w.Header("rejects"))
	if err != nil {
		// The next attempt stores under names of its own and may need the space.
		return nil, errors.Join(err, store.Discard(context.WithoutCancel(ctx), events.BucketRows, fact.Rows.Name))
	}
	total := fact.Stats.TotalRecords
	w.Progress(events.PreValidation, total, total, "Took the rows of the dry run")
	return fact, nil
}
