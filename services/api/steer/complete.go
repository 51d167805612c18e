package steer

import (
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
)

// Complete begins the job that writes the waiting rows of another one: those of
// members outside of that job's area. Whoever asks is its owner, and their area
// decides.
func (d Desk) Complete(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	job, err := d.LoadCurrent(r.Context(), r.PathValue("jobId"), who)
	if err == nil {
		err = who.May(access.Write)
	}
	if err != nil {
		return nil, err
	}
	if why := explainNotCompletable(&job); why != "" {
		return nil, &refusal.Error{Code: refusal.CodeNotAllowed, Message: why, Details: map[string]any{"status": job.Status}}
	}
	if err := rest.CheckKept(&job, "What the waiting rows hold", job.Inputs()[1:]...); err != nil {
		return nil, err
	}
	fact := &events.Uploaded{
		Owner: who.User, FileName: "Waiting rows of " + job.FileName, File: job.Uploaded.File, Area: &who.Area,
		Options: events.Options{SkipIEC: job.Options.SkipIEC, Completes: job.ID, Mode: job.Options.Mode,
			AllowClear: job.Options.AllowClear},
	}
	fact.JobID = events.NewJobID()
	begun, err := d.Upload.Begin(r.Context(), fact)
	if err != nil {
		return nil, err
	}
	d.Logger.InfoContext(r.Context(), "waiting rows taken over", "job", job.ID, "by_job", begun.ID, "user", who.ID)
	return &rest.Result{Status: http.StatusAccepted, Message: "The waiting rows are being written.",
		Data: rest.ViewOf(&begun)}, nil
}

// explainNotCompletable says why a job has no rows to take over, "" if it has.
func explainNotCompletable(job *events.Job) string {
	switch {
	case !job.Ended():
		return "The job is still running."
	case job.Persisted == nil || job.Options.DryRun || job.Persisted.Stats.Transfers == 0:
		return "No row of this job waits for somebody else."
	}
	return ""
}
