package rejects

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"iter"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/schema"
)

// row is an uploaded row that somebody has to correct.
type row struct {
	n      int
	reason string
	texts  iter.Seq2[int, string] // by column
}

// source reads the rows of a job that have to be corrected: those without a valid
// ID number, those whose ID number stood above with other cells, and, once the
// members are written, those that the database refused and those of people whom a job
// that adds nobody does not know. A row that says again what
// stands above needs no correction. It reads the artifacts more than once, so that
// it never holds more than a row of them.
type source struct {
	ctx   context.Context
	store *events.Store
	job   *events.Job

	head records.Header
	// width is how many columns the widest of the rows has, and the header.
	width int
	// firsts are the digests of the rows that others repeat, by their numbers.
	firsts map[int]uint64
	// refused says that some row needs correction although it was accepted.
	refused bool
	seed    maphash.Seed
}

// openSource learns what must be known of all rows before the first can be written.
func openSource(ctx context.Context, store *events.Store, job *events.Job) (*source, error) {
	s := &source{ctx: ctx, store: store, job: job, firsts: map[int]uint64{}, seed: maphash.MakeSeed()}
	for r, err := range records.Each[records.RejectedRow](ctx, store, job.Validated.Rejects, &s.head) {
		if err != nil {
			return nil, err
		}
		s.widen(r.Texts())
		if r.Code == records.RejectDuplicate {
			s.firsts[r.FirstRow] = 0
		}
	}
	s.width = max(s.width, len(s.head.Columns))
	if job.Persisted != nil {
		for o, err := range records.Each[records.Outcome](ctx, store, job.Persisted.Outcomes, nil) {
			if err != nil {
				return nil, err
			}
			if s.refused = needsCorrection(o); s.refused {
				break
			}
		}
	}
	if len(s.firsts) > 0 {
		for r, err := range records.Each[records.Row](ctx, store, job.Validated.Rows, nil) {
			if err != nil {
				return nil, err
			}
			if _, ok := s.firsts[r.N]; ok {
				s.firsts[r.N] = s.digest(r.Texts())
			}
		}
	}
	for r, err := range s.refusedRows() {
		if err != nil {
			return nil, err
		}
		s.widen(r.texts)
	}
	return s, nil
}

// widen notes how wide a row is.
func (s *source) widen(texts iter.Seq2[int, string]) {
	for column := range texts {
		s.width = max(s.width, column+1)
	}
}

// rows yields the rows that have to be corrected, in their order. An error is the
// last thing yielded.
func (s *source) rows() iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		next, stop := iter.Pull2(s.refusedRows())
		defer stop()
		refused, err, more := next()
		for r, rerr := range s.rejectedRows() {
			if rerr != nil {
				yield(row{}, rerr)
				return
			}
			for ; more && err == nil && refused.n < r.n; refused, err, more = next() {
				if !yield(refused, nil) {
					return
				}
			}
			if err != nil {
				break
			}
			if !yield(r, nil) {
				return
			}
		}
		for ; more; refused, err, more = next() {
			if !yield(refused, err) {
				return
			}
		}
	}
}

// rejectedRows yields the rows that validation rejected.
func (s *source) rejectedRows() iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		for r, err := range records.Each[records.RejectedRow](s.ctx, s.store, s.job.Validated.Rejects, nil) {
			if err != nil {
				yield(row{}, err)
				return
			}
			if r.Code == records.RejectObjected {
				continue // nobody can correct it
			}
			reject := row{r.N, r.Message, r.Texts()}
			if r.Code == records.RejectDuplicate {
				if s.firsts[r.FirstRow] == s.digest(r.Texts()) {
					continue
				}
				reject.reason += " Correct it, or delete this row."
			}
			if !yield(reject, nil) {
				return
			}
		}
	}
}

// unknownReason is that of a row whose person is no member, of a job that adds nobody.
const unknownReason = "No member that the upload may change has this ID number. " +
	"Correct the number, or upload the row with mode=create."

// needsCorrection reports whether a row was not written for a reason that lies in it.
func needsCorrection(o *records.Outcome) bool {
	return o.Result == records.Refused || o.Result == records.Unknown
}

// refusedRows yields the rows that the database refused, or that name no member.
func (s *source) refusedRows() iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		if !s.refused {
			return
		}
		next, stop := iter.Pull2(records.Each[records.Row](s.ctx, s.store, s.job.Validated.Rows, nil))
		defer stop()
		for o, err := range records.Each[records.Outcome](s.ctx, s.store, s.job.Persisted.Outcomes, nil) {
			if err != nil {
				yield(row{}, err)
				return
			}
			if !needsCorrection(o) {
				continue
			}
			reason := o.Error
			if o.Result == records.Unknown {
				reason = unknownReason
			}
			r, err, more := next()
			for more && err == nil && r.N < o.N {
				r, err, more = next()
			}
			switch {
			case err != nil:
				yield(row{}, err)
				return
			case !more:
				return
			case r.N == o.N && !yield(row{r.N, reason, r.Texts()}, nil):
				return
			}
		}
	}
}

// digest is the same for rows with the same cells but for the one of the ID number,
// which is the same and may be spelled otherwise, and but for space around them.
func (s *source) digest(texts iter.Seq2[int, string]) uint64 {
	id := s.head.Fields[schema.FieldID]
	var h maphash.Hash
	h.SetSeed(s.seed)
	var place [16]byte
	for column, text := range texts {
		if text = strings.TrimSpace(text); text == "" || column == id {
			continue
		}
		binary.LittleEndian.PutUint64(place[:8], uint64(column))
		binary.LittleEndian.PutUint64(place[8:], uint64(len(text)))
		_, _ = h.Write(place[:]) // never fails
		_, _ = h.WriteString(text)
	}
	return h.Sum64()
}
