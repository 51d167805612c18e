package iec

import (
	"context"
	"iter"

	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

const (
	// lookupBatch is how many rows are looked up at once. A row waits for its
	// batch, and so do the first calls.
	lookupBatch = 500
	// batchesAhead is how many batches may be looked up before they are needed.
	batchesAhead = 2
)

// cachedRow is a row with the answer that the cache has for it, nil for none.
type cachedRow struct {
	*records.Row
	answer *records.Verdict
}

// withCached looks rows up in the cache, many at a time and ahead of the work on
// them: one by one, the look-ups would dominate where most people were asked about
// before. After a look-up that fails each row is looked up by itself.
func (v *verification) withCached(
	ctx context.Context, rows iter.Seq2[*records.Row, error],
) iter.Seq2[cachedRow, error] {
	return func(yield func(cachedRow, error) bool) {
		for batch, err := range stage.ReadAhead(batchesAhead, v.lookUpBatches(ctx, rows)) {
			for _, it := range batch {
				if !yield(it, nil) {
					return
				}
			}
			if err != nil {
				yield(cachedRow{}, err)
				return
			}
		}
	}
}

// lookUpBatches yields the rows in batches. An error comes together with the rows
// before it.
func (v *verification) lookUpBatches(
	ctx context.Context, rows iter.Seq2[*records.Row, error],
) iter.Seq2[[]cachedRow, error] {
	return func(yield func([]cachedRow, error) bool) {
		batch := make([]cachedRow, 0, lookupBatch)
		for row, err := range rows {
			if err != nil {
				yield(batch, err)
				return
			}
			if batch = append(batch, cachedRow{Row: row}); len(batch) == lookupBatch {
				v.lookUpBatch(ctx, batch)
				if !yield(batch, nil) {
					return
				}
				batch = make([]cachedRow, 0, lookupBatch)
			}
		}
		if len(batch) > 0 {
			v.lookUpBatch(ctx, batch)
			yield(batch, nil)
		}
	}
}

// lookUpBatch sets the answers that the cache has for a batch.
func (v *verification) lookUpBatch(ctx context.Context, batch []cachedRow) {
	if v.job.Options.SkipIEC {
		return
	}
	ids := make([]string, len(batch))
	for i, it := range batch {
		ids[i] = it.ID
	}
	known, err := v.service.cfg.Cache.GetMany(ctx, ids, v.job.CreatedAt)
	if err != nil {
		v.service.cfg.Logger.WarnContext(ctx, "answers cannot be read in bulk, reading them one by one", "err", err)
	}
	for i, it := range batch {
		if verdict, ok := known[it.ID]; ok {
			batch[i].answer = &verdict
		}
	}
}
