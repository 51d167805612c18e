package iec

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

// A job that goes on after a pause begins where it stood, which its events say. The rows
// before that have their answers in the cache. They are looked up once, when all others
// have theirs too: a job that pauses ten times does not look up all of them ten times.

// round is the work on the rows from a beginning or a pause on to the next pause or the end.
type round struct {
	*verification
	w *stage.Work
}

// fewRows is how many rows are not worth leaving out.
const fewRows = firstBatch

// findPlace finds where the job stood when it paused. Where that is not known, or not
// worth it, it is the first row.
func (v *round) findPlace() {
	if at := v.w.Job.Standing; at.Step == events.IECVerification && at.Processed >= fewRows {
		v.skipped = min(at.Processed, v.stats.Total)
		v.done = v.skipped
	}
}

// verifyRows gives rows their verdicts, and passes these on in the order of the rows.
func (v *round) verifyRows(
	ctx context.Context, rows iter.Seq2[*records.Row, error], emit func(rowVerdict) error,
) error {
	// Process twice as many rows as calls: while one row waits for its call, another
	// claims its person or stores the answer.
	return processInOrder(ctx, 2*v.service.cfg.Concurrency, v.withKept(ctx, rows), v.answerAtHand, v.verify, emit)
}

// goOn has all people answered about who are in the rows from the job's place on. It keeps
// no verdicts but those of settled: the others are in the cache.
func (v *round) goOn(ctx context.Context) (err error) {
	if v.skipped == 0 {
		return nil
	}
	rows, err := records.Open[records.Row](ctx, v.service.cfg.Store, v.w.Job.Validated.Rows)
	if err != nil {
		return fmt.Errorf("go on: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	settled := map[int]rowVerdict{}
	err = v.verifyRows(ctx, skip(rows.AllReusing(), v.skipped), func(r rowVerdict) error {
		v.report(r)
		if r.aside {
			settled[r.N] = r
		}
		return nil
	})
	if err == nil {
		err = v.settleUnanswered(ctx)
	}
	if err != nil {
		return err
	}
	v.settled, v.unanswered.list = settled, nil
	return nil
}

// skip leaves out the first n rows.
func skip(rows iter.Seq2[*records.Row, error], n int) iter.Seq2[*records.Row, error] {
	return func(yield func(*records.Row, error) bool) {
		for row, err := range rows {
			if n--; n >= 0 && err == nil {
				continue
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// verifyAll gives all rows their verdicts and writes them.
func (v *round) verifyAll(
	ctx context.Context, rows *records.Reader[records.Row], out *records.Writer[records.Verdict],
) error {
	n := 0
	err := v.verifyRows(ctx, rows.AllReusing(), func(r rowVerdict) error {
		countVerdict(&v.stats, r.Status)
		switch n++; {
		case n > v.done:
			v.report(r)
		case n <= v.skipped:
			v.observe(r)
			if r.aside {
				v.aside++
			}
		case !r.called:
			v.cached.Add(-1) // goOn has counted it
		}
		return out.Write(&r.Verdict)
	})
	if err != nil {
		return err
	}
	return v.settleUnanswered(ctx)
}
