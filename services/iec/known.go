package iec

import (
	"context"
	"iter"

	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

const (
	// knownBatch is how many rows are looked up at once. Rows of a batch wait for
	// the batch, and so do the first calls.
	knownBatch = 500
	// knownAhead is how many batches may have been looked up before they are needed.
	knownAhead = 2
)

// item is a row with the answer that was found for it, nil for none.
type item struct {
	*records.Row
	known *records.Verdict
}

// withKnown looks the rows up in the cache, many at a time and ahead of the work
// on them: one by one it would take longer than anything else for people who were
// asked about before. A look-up that fails finds nothing; then each row is looked
// up by itself.
func (v *verification) withKnown(ctx context.Context, rows iter.Seq2[*records.Row, error]) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for batch, err := range stage.ReadAhead(knownAhead, v.batches(ctx, rows)) {
			for _, it := range batch {
				if !yield(it, nil) {
					return
				}
			}
			if err != nil {
				yield(item{}, err)
				return
			}
		}
	}
}

// batches yields the rows before an error together with it.
func (v *verification) batches(ctx context.Context, rows iter.Seq2[*records.Row, error]) iter.Seq2[[]item, error] {
	return func(yield func([]item, error) bool) {
		batch := make([]item, 0, knownBatch)
		for row, err := range rows {
			if err != nil {
				yield(batch, err)
				return
			}
			if batch = append(batch, item{Row: row}); len(batch) == knownBatch {
				v.look(ctx, batch)
				if !yield(batch, nil) {
					return
				}
				batch = make([]item, 0, knownBatch)
			}
		}
		if len(batch) > 0 {
			v.look(ctx, batch)
			yield(batch, nil)
		}
	}
}

func (v *verification) look(ctx context.Context, batch []item) {
	if v.job.Options.SkipIEC {
		return
	}
	ids := make([]string, len(batch))
	for i, it := range batch {
		ids[i] = it.ID
	}
	known, err := v.service.cfg.Cache.GetMany(ctx, ids, v.job.CreatedAt)
	if err != nil {
		v.service.cfg.Logger.WarnContext(ctx, "answers looked up one by one", "job", v.job.ID, "err", err)
	}
	for i, it := range batch {
		if verdict, ok := known[it.ID]; ok {
			batch[i].known = &verdict
		}
	}
}
