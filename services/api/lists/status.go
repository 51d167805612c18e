package lists

import (
	"fmt"
	"net/http"
	"strconv"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
)

// Status tells where a job stands, or with at_seq where it stood after that event.
func (d Desk) Status(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	if r.URL.Query().Has("at_seq") {
		return d.statusAt(r, who)
	}
	job, stale, err := d.LoadConfirmed(r.Context(), r.PathValue("jobId"), who)
	if err != nil {
		return nil, err
	}
	progress, ok, err := d.Log.Progress(r.Context(), job.ID)
	if err != nil {
		return nil, err
	}
	v := rest.ViewOf(&job)
	v.Stale = stale
	// Progress of an earlier stage, or of an earlier try, is history.
	if ok && job.Status == events.StatusProcessing && progress.Trigger == job.Trigger && progress.Percent >= v.Progress {
		v.Stage, v.Progress, v.Message = progress.Step, progress.Percent, progress.Message
		v.Processed, v.Total, v.ETA = progress.Processed, progress.Total, progress.ETA
	} else if ok && job.Status == events.StatusPending && progress.Trigger == job.Trigger {
		v.Start = &job.CreatedAt
		v.Status, v.Stage, v.Progress, v.Message = events.StatusProcessing, progress.Step, progress.Percent, progress.Message
		v.Processed, v.Total = progress.Processed, progress.Total
	}
	message := "The job was found."
	if stale {
		message = "The job may have come further: the servers that would know cannot be reached."
	}
	return &rest.Result{Message: message, Data: v}, nil
}

// statusAt tells where a job stood: its state is the fold of its events, so that
// of an earlier moment is the fold of those up to it.
func (d Desk) statusAt(r *http.Request, who rest.Caller) (*rest.Result, error) {
	seq, err := strconv.ParseUint(r.URL.Query().Get("at_seq"), 10, 63)
	if err != nil || seq == 0 {
		return nil, refusal.New(refusal.CodeBadRequest, "at_seq must be the sequence of an event, a number from 1 on.")
	}
	now, stale, err := d.LoadConfirmed(r.Context(), r.PathValue("jobId"), who)
	if err != nil {
		return nil, err
	}
	if seq < now.FirstSeq {
		return nil, refusal.New(refusal.CodeNotFound, "There was no such job then.")
	}
	list, err := d.Log.Replay(r.Context(), now.ID, 0)
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
	v := rest.ViewOf(&job)
	v.Stale = stale && seq > now.Seq // what was before is known
	return &rest.Result{Message: fmt.Sprintf("So the job stood after event %d.", job.Seq), Data: v}, nil
}
