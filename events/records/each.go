package records

import (
	"context"
	"errors"
	"iter"

	"rollcall.example/events"
)

// Each fetches and verifies an artifact and yields its records in order, each one
// new and the caller's to keep. It fills in head, unless that is nil, before the
// first record. An error is the last thing yielded: ErrGone, ErrAltered, that of the
// transfer, or that of ctx, which is looked at before each record.
func Each[T Record](ctx context.Context, s *events.Store, a events.Artifact, head *Header) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		r, err := Open[T](ctx, s, a)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = r.Close() }() // a local copy: nothing is lost with it
		if head != nil {
			*head = r.Header
		}
		for record, err := range r.All() {
			if err = errors.Join(err, ctx.Err()); err != nil {
				yield(nil, err)
				return
			}
			if !yield(record, nil) {
				return
			}
		}
	}
}
