package steer

import (
	"errors"
	"fmt"
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
)

// steer appends a fact that a person asked for. When the job moves on at the
// same moment, it is decided anew whether the fact may follow.
func (d Desk) steer(
	r *http.Request, who rest.Caller, decide func(*events.Job) (events.Fact, error),
) (events.Job, error) {
	const tries = 20
	for n := range tries {
		job, err := d.LoadCurrent(r.Context(), r.PathValue("jobId"), who)
		if err != nil {
			return events.Job{}, err
		}
		fact, err := decide(&job)
		if err != nil {
			return events.Job{}, err
		}
		_, err = d.Log.Append(r.Context(), &job, job.Seq, fact)
		switch {
		case errors.Is(err, events.ErrConflict):
			if err := events.WaitAfterConflict(r.Context(), n+1); err != nil {
				return events.Job{}, err
			}
			continue
		case errors.Is(err, events.ErrNotAllowed):
			return events.Job{}, &refusal.Error{Code: refusal.CodeNotAllowed, Message: explainNotAllowed(&job),
				Details: map[string]any{"status": job.Status}, Err: err}
		case err != nil:
			return events.Job{}, err
		}
		d.Jobs.TrySave(r.Context(), &job)
		d.Logger.InfoContext(r.Context(), "job steered", "job", job.ID, "user", who.ID, "fact", job.Kind)
		return job, nil
	}
	return events.Job{}, fmt.Errorf("job moved on %d times: %w", tries, events.ErrConflict)
}

// explainNotAllowed says why a job cannot be steered like that.
func explainNotAllowed(job *events.Job) string {
	switch {
	case job.Expired() != nil && job.Kind != events.KindReported:
		return "What is kept of this job is not enough any more to try again. Please upload the spreadsheet again."
	case job.Failed != nil && !job.Failed.Retryable:
		return "Trying again would fail in the same way. " + job.Failed.Message
	}
	return "The job is " + string(job.Status) + ", so this cannot be done to it."
}
