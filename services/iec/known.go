package iec

import (
	"context"
	"iter"

	"rollcall.example/events"
)

// knownBatch is how many rows are looked up at once. Rows of a batch wait for
// the batch, and so do the first calls.
const knownBatch = 500

// item is a row with the answer that was found for it, nil for none.
type item struct {
	*events.Row
	known *events.Verdict
}

// withKnown looks the rows up in the cache, many at a time: one by one it would
// take longer than anything else for people who were asked about before. A look-up
// that fails finds nothing; then each row is looked up by itself.
func (v *verification) withKnown(ctx context.Context, rows iter.Seq2[*events.Row, error]) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		batch := make([]*events.Row, 0, knownBatch)
		flush := func() bool {
			known := v.look(ctx, batch)
			for _, row := range batch {
				it := item{Row: row}
				if verdict, ok := known[row.ID]; ok {
					it.known = &verdict
				}
				if !yield(it, nil) {
					return false
				}
			}
			batch = batch[:0]
			return true
		}
		for row, err := range rows {
			if err != nil {
				yield(item{}, err)
				return
			}
			if batch = append(batch, row); len(batch) == knownBatch && !flush() {
				return
			}
		}
		flush()
	}
}

func (v *verification) look(ctx context.Context, batch []*events.Row) map[string]events.Verdict {
	if v.job.Options.SkipIEC || len(batch) == 0 {
		return nil
	}
	ids := make([]string, len(batch))
	for i, row := range batch {
		ids[i] = row.ID
	}
	known, err := v.service.cfg.Cache.GetMany(ctx, ids, v.job.CreatedAt)
	if err != nil {
		v.service.cfg.Logger.Warn("answers looked up one by one", "job", v.job.ID, "err", err)
	}
	return known
}
