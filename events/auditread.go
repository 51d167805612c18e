package events

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/nats-io/nats.go/jetstream"
)

// StoredAccess is an access and its place in the audit.
type StoredAccess struct {
	Access
	// Seq is the stream sequence.
	Seq uint64 `json:"seq"`
}

// ReadAudit yields the accesses after a sequence, oldest first: to a job, for a
// case, or all when id is "". An error is the last thing yielded.
func ReadAudit(
	ctx context.Context, js jetstream.JetStream, id string, after uint64,
) iter.Seq2[StoredAccess, error] {
	filter := auditFilter
	if id != "" {
		filter = "audit." + id + ".>"
	}
	return func(yield func(StoredAccess, error) bool) {
		for m, err := range Messages(ctx, js, StreamAudit, filter, after+1) {
			if err != nil {
				yield(StoredAccess{}, err)
				return
			}
			a := StoredAccess{Seq: m.Sequence}
			if err := json.Unmarshal(m.Data, &a.Access); err != nil {
				yield(StoredAccess{}, fmt.Errorf("read access %d: %w", m.Sequence, err))
				return
			}
			if !yield(a, nil) {
				return
			}
		}
	}
}
