package records

import (
	"context"
	"errors"
	"iter"

	"rollcall.example/events"
)

// Each fetches an artifact, checks it, and yields its records in order. Each
// record is new, and the caller may keep it. When head is not nil, Each sets it
// before the first record. An error is the last thing yielded:
// events.ErrMissing, events.ErrAltered, that of the transfer, or that of ctx,
// which Each checks before each record.
func Each[T Record](ctx context.Context, s *events.Store, a events.Artifact, head *Header) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		r, err := Open[T](ctx, s, a)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = r.Close() }() // closing a local copy loses nothing
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
