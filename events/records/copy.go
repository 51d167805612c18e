package records

import (
	"context"
	"errors"

	"rollcall.example/events"
)

// Copy stores the records of an artifact once more, in the same bucket and under the
// header of another job: what that says of the artifact and the job is taken from h,
// the rest is kept. The error is that of Each, or of Writer.Store.
func Copy[T Record](ctx context.Context, s *events.Store, from events.Artifact, name string, h Header) (
	_ events.Artifact, err error,
) {
	w, err := NewWriter[T](s)
	if err != nil {
		return events.Artifact{}, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	var head Header
	for record, err := range Each[T](ctx, s, from, &head) {
		if err != nil {
			return events.Artifact{}, err
		}
		if err := w.Write(record); err != nil {
			return events.Artifact{}, err
		}
	}
	head.Artifact, head.JobID = h.Artifact, h.JobID
	return w.Store(ctx, s, from.Bucket, name, head)
}
