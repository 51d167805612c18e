package rows

import (
	"context"
	"errors"
	"iter"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// sources are the artifacts that the rows of a job are told from: what of it may be
// shown. Verdicts and outcomes are nil while they are not.
type sources struct {
	rows, rejects      events.Artifact
	verdicts, outcomes *events.Artifact
}

// sourcesOf returns the sources of a job that is validated.
func sourcesOf(job *events.Job) sources {
	s := sources{rows: job.Validated.Rows, rejects: job.Validated.Rejects}
	switch {
	case job.Persisted != nil:
		s.outcomes = &job.Persisted.Outcomes
	case job.Proposed != nil:
		s.outcomes = &job.Proposed.Outcomes
	}
	if job.Verified != nil && (s.outcomes != nil || !job.MayWait()) {
		s.verdicts = &job.Verified.Verdicts
	}
	return s
}

// Sources lists the artifacts that the rows of a job are told from, which are no longer
// told once one of them was removed. The job is validated.
func Sources(job *events.Job) []events.Artifact {
	s := sourcesOf(job)
	list := []events.Artifact{s.rows, s.rejects}
	for _, a := range []*events.Artifact{s.verdicts, s.outcomes} {
		if a != nil {
			list = append(list, *a)
		}
	}
	return list
}

// build makes the index of a job from its artifacts. The error wraps events.ErrMissing
// or events.ErrAltered where one of them is damaged.
func build(ctx context.Context, store *events.Store, job *events.Job) (x *Index, err error) {
	s := sourcesOf(job)
	rejects, err := records.Open[records.RejectedRow](ctx, store, s.rejects)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rejects.Close() }() // a local copy
	rows, err := records.Open[records.Row](ctx, store, s.rows)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	verdicts, closeVerdicts, err := openAll[records.Verdict](ctx, store, s.verdicts)
	if err != nil {
		return nil, err
	}
	defer closeVerdicts()
	outcomes, closeOutcomes, err := openAll[records.Outcome](ctx, store, s.outcomes)
	if err != nil {
		return nil, err
	}
	defer closeOutcomes()
	w, err := NewWriter(store, job)
	if err != nil {
		return nil, err
	}
	if err := merge(ctx, w, rows.AllReusing(), rejects, verdicts, outcomes); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	file, err := w.Finish()
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if x, err = open(file); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return x, w.zw.Close() // the index has the file now
}

// openAll opens an artifact, or yields nothing where there is none.
func openAll[T records.Record](ctx context.Context, store *events.Store, a *events.Artifact) (
	all iter.Seq2[*T, error], end func(), err error,
) {
	if a == nil {
		return func(func(*T, error) bool) {}, func() {}, nil
	}
	r, err := records.Open[T](ctx, store, *a)
	if err != nil {
		return nil, nil, err
	}
	return r.AllReusing(), func() { _ = r.Close() }, nil // a local copy
}

// checkEvery is after how many rows merge looks whether it is to stop.
const checkEvery = 1000

// merge adds all rows in the order of the sheet.
func merge(ctx context.Context, w *Writer, rows iter.Seq2[*records.Row, error],
	rejects *records.Reader[records.RejectedRow], verdicts iter.Seq2[*records.Verdict, error],
	outcomes iter.Seq2[*records.Outcome, error]) error {
	r := newHead(rows, func(r *records.Row) int { return r.N })
	j := newHead(rejects.AllReusing(), func(r *records.RejectedRow) int { return r.N })
	v := newHead(verdicts, func(v *records.Verdict) int { return v.N })
	o := newHead(outcomes, func(o *records.Outcome) int { return o.N })
	defer func() { r.stop(); j.stop(); v.stop(); o.stop() }()
	err := errors.Join(r.advance(), j.advance())
	for n := 0; err == nil && (r.at != nil || j.at != nil); n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if r.at == nil || j.at != nil && j.at.N < r.at.N {
			if err = w.Add(Entry{N: j.at.N, Head: &rejects.Header, Reject: j.at}); err == nil {
				err = j.advance()
			}
			continue
		}
		e := Entry{N: r.at.N, Row: r.at}
		if e.Verdict, err = v.find(e.N); err != nil {
			return err
		}
		if e.Outcome, err = o.find(e.N); err != nil {
			return err
		}
		if err = w.Add(e); err == nil {
			err = r.advance()
		}
	}
	return err
}

// head reads a sequence one record at a time.
type head[T any] struct {
	at     *T // nil at the end, and before the first
	next   func() (*T, error, bool)
	stop   func()
	number func(*T) int
	begun  bool
}

func newHead[T any](all iter.Seq2[*T, error], number func(*T) int) *head[T] {
	next, stop := iter.Pull2(all)
	return &head[T]{next: next, stop: stop, number: number}
}

// advance reads the next record into at.
func (h *head[T]) advance() error {
	record, err, ok := h.next()
	h.at, h.begun = nil, true
	if ok && err == nil {
		h.at = record
	}
	return err
}

// find returns the record of row n, nil for none. Rows are looked for in their order.
func (h *head[T]) find(n int) (*T, error) {
	for !h.begun || h.at != nil && h.number(h.at) < n {
		if err := h.advance(); err != nil {
			return nil, err
		}
	}
	if h.at != nil && h.number(h.at) == n {
		return h.at, nil
	}
	return nil, nil
}
