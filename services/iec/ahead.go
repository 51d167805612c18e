package iec

import (
	"context"
	"iter"
	"strings"

	"rollcall.example/events/records"
	"rollcall.example/events/stage"
	"rollcall.example/services/iec/answers"
)

const (
	// firstBatch is how many rows are looked up at first. A row waits for its batch, and
	// so do the first calls.
	firstBatch = 500
	// largestBatch is what the batches grow to. The answers about so many people are in
	// all buckets, which then are read once for all of them.
	largestBatch = 100_000
	// lookUpTries is how often a batch is looked up before each person is alone.
	lookUpTries = 3
	// batchesAhead is how many batches may be looked up before they are needed.
	batchesAhead = 1
)

// person is whom a row is about.
type person struct {
	N  int // of the row
	ID string
}

// sought is a person with the answer that is kept about them, zero for none.
type sought struct {
	person
	answer answers.Answer
	seen   answers.Seen
}

// withKept looks people up in the answers that are kept, many at a time and ahead of the
// work on them: one by one, the look-ups would dominate where most people were asked about
// before. After a look-up that fails again and again each person is looked up alone.
func (v *verification) withKept(
	ctx context.Context, rows iter.Seq2[*records.Row, error],
) iter.Seq2[sought, error] {
	return func(yield func(sought, error) bool) {
		for batch, err := range stage.ReadAhead(batchesAhead, v.lookUpBatches(ctx, rows)) {
			for _, p := range batch {
				if !yield(p, nil) {
					return
				}
			}
			if err != nil {
				yield(sought{}, err)
				return
			}
		}
	}
}

// lookUpBatches yields the people in batches. An error comes together with the rows
// before it.
func (v *verification) lookUpBatches(
	ctx context.Context, rows iter.Seq2[*records.Row, error],
) iter.Seq2[[]sought, error] {
	return func(yield func([]sought, error) bool) {
		size := firstBatch
		batch := make([]sought, 0, size)
		for row, err := range rows {
			if err != nil {
				yield(batch, err)
				return
			}
			batch = append(batch, sought{person: person{row.N, strings.Clone(row.ID)}})
			if len(batch) == size {
				v.lookUpBatch(ctx, batch)
				if !yield(batch, nil) {
					return
				}
				size = min(4*size, largestBatch)
				batch = make([]sought, 0, size)
			}
		}
		if len(batch) > 0 {
			v.lookUpBatch(ctx, batch)
			yield(batch, nil)
		}
	}
}

// lookUpBatch sets the answers that are kept about a batch.
func (v *verification) lookUpBatch(ctx context.Context, batch []sought) {
	if v.job.Options.SkipIEC {
		return
	}
	ids := make([]string, len(batch))
	for i, p := range batch {
		ids[i] = p.ID
	}
	known, seen, err := v.service.cfg.Answers.GetMany(ctx, ids, v.job.CreatedAt)
	for try := 1; err != nil && try < lookUpTries && ctx.Err() == nil; try++ {
		known, seen, err = v.service.cfg.Answers.GetMany(ctx, ids, v.job.CreatedAt)
	}
	if err != nil {
		v.service.cfg.Logger.WarnContext(ctx, "answers cannot be read in bulk, reading them one by one", "err", err)
	}
	for i := range batch {
		batch[i].seen = seen
		if err == nil {
			batch[i].answer = known[i]
		}
	}
}
