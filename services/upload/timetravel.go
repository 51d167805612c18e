package upload

import (
	"fmt"
	"net/http"
	"strconv"

	"rollcall.example/events"
)

// statusAt tells where a job stood: its state is the fold of its events, so that
// of an earlier moment is the fold of those up to it.
func (s *Service) statusAt(r *http.Request, who Principal) (*result, error) {
	seq, err := strconv.ParseUint(r.URL.Query().Get("at_seq"), 10, 63)
	if err != nil || seq == 0 {
		return nil, refuse("bad_request", "at_seq must be the sequence of an event, a number from 1 on.")
	}
	now, err := s.load(r.Context(), r.PathValue("jobId"), who)
	if err != nil {
		return nil, err
	}
	if seq < now.FirstSeq {
		return nil, refuse("not_found", "There was no such job then.")
	}
	list, err := s.cfg.Log.Replay(r.Context(), now.ID, 0)
	if err != nil {
		return nil, err
	}
	then := make([]events.Event, 0, len(list))
	for _, e := range list {
		if e.Seq <= seq {
			then = append(then, e)
		}
	}
	job, err := events.Fold(then)
	if err != nil {
		return nil, fmt.Errorf("status at %d: %w", seq, err)
	}
	return &result{message: fmt.Sprintf("So the job stood after event %d.", job.Seq), data: view(&job)}, nil
}
