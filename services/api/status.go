package api

import (
	"fmt"
	"net/http"
	"strconv"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// status tells where a job stands, or with at_seq where it stood after that event.
func (a *API) status(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	if r.URL.Query().Has("at_seq") {
		return a.statusAt(r, who)
	}
	job, err := a.load(r.Context(), r.PathValue("jobId"), who)
	if err != nil {
		return nil, err
	}
	progress, ok, err := a.cfg.Log.Progress(r.Context(), job.ID)
	if err != nil {
		return nil, err
	}
	v := viewOf(&job)
	// Progress of an earlier stage, or of an earlier try, is history.
	if ok && job.Status == events.StatusProcessing && progress.Trigger == job.Trigger && progress.Percent >= v.Progress {
		v.Stage, v.Progress, v.Message = progress.Step, progress.Percent, progress.Message
		v.Processed, v.Total, v.ETA = progress.Processed, progress.Total, progress.ETA
	} else if ok && job.Status == events.StatusPending && progress.Trigger == job.Trigger {
		v.Start = &job.CreatedAt
		v.Status, v.Stage, v.Progress, v.Message = events.StatusProcessing, progress.Step, progress.Percent, progress.Message
		v.Processed, v.Total = progress.Processed, progress.Total
	}
	return &result{message: "The job was found.", data: v}, nil
}

// statusAt tells where a job stood: its state is the fold of its events, so that
// of an earlier moment is the fold of those up to it.
func (a *API) statusAt(r *http.Request, who caller) (*result, error) {
	seq, err := strconv.ParseUint(r.URL.Query().Get("at_seq"), 10, 63)
	if err != nil || seq == 0 {
		return nil, refusal.New(refusal.CodeBadRequest, "at_seq must be the sequence of an event, a number from 1 on.")
	}
	now, err := a.load(r.Context(), r.PathValue("jobId"), who)
	if err != nil {
		return nil, err
	}
	if seq < now.FirstSeq {
		return nil, refusal.New(refusal.CodeNotFound, "There was no such job then.")
	}
	list, err := a.cfg.Log.Replay(r.Context(), now.ID, 0)
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
	return &result{message: fmt.Sprintf("So the job stood after event %d.", job.Seq), data: viewOf(&job)}, nil
}
