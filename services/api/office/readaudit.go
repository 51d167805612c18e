package office

import (
	"fmt"
	"net/http"
	"strconv"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
)

const (
	defaultAccesses = 100
	maxAccesses     = 1000
)

// ReadAudit lists who has read personal data, oldest first, after a sequence.
func (d Desk) ReadAudit(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	limit, err := rest.NumberParameter(r, "limit", defaultAccesses, maxAccesses)
	if err != nil {
		return nil, err
	}
	var after uint64
	if text := r.URL.Query().Get("after"); text != "" {
		if after, err = strconv.ParseUint(text, 10, 62); err != nil {
			return nil, refusal.New(refusal.CodeBadRequest, "after must be the sequence of an access, a number from 0 on.")
		}
	}
	jobID := r.URL.Query().Get("job_id")
	if jobID != "" && !events.ValidJobID(jobID) {
		return nil, refusal.New(refusal.CodeBadRequest, "job_id must be the id of a job.")
	}
	list := make([]events.StoredAccess, 0, limit)
	for access, err := range events.ReadAudit(r.Context(), d.Log.JetStream(), jobID, after) {
		if err != nil {
			return nil, err
		}
		if list = append(list, access); len(list) == limit {
			break
		}
	}
	d.Logger.InfoContext(r.Context(), "audit read", "user", who.ID, "accesses", len(list))
	return &rest.Result{Message: fmt.Sprintf("%d accesses.", len(list)), Data: map[string]any{"accesses": list}}, nil
}
