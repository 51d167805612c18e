package steer

import (
	"errors"
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
)

// Undo begins the job that takes back what another one has written. Its id
// follows from that of the other, or of the undo that was declined last, so that
// twice is once.
func (d Desk) Undo(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	job, err := d.LoadCurrent(r.Context(), r.PathValue("jobId"), who)
	if err != nil {
		return nil, err
	}
	if why := explainNotUndoable(&job); why != "" {
		return nil, &refusal.Error{Code: refusal.CodeNotAllowed, Message: why, Details: map[string]any{"status": job.Status}}
	}
	id := events.UndoJobID(job.ID)
	for {
		undo, err := d.Load(r.Context(), id, who)
		if errors.Is(err, events.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		if undo.Declined == nil {
			return &rest.Result{Message: "The job is undone by this one already.", Data: rest.ViewOf(&undo)}, nil
		}
		id = events.UndoJobID(undo.ID) // a declined undo has written nothing, so the next one may be asked for
	}
	if err := rest.CheckKept(&job, "What this job has changed", job.Inputs()[1:]...); err != nil {
		return nil, err
	}
	options := events.Options{SkipIEC: job.Options.SkipIEC, Undoes: job.ID}
	fact := &events.Uploaded{
		Owner: job.Owner, FileName: "Undo of " + job.FileName, File: job.Uploaded.File, Options: options,
		Area: &who.Area,
	}
	if job.Owner.ID != who.ID {
		fact.By = &who.User
		fact.Options.Approval = d.Policy.NeedsFourEyes(access.UndoOfOthers)
	}
	fact.JobID = id
	// Whoever asks at the same moment appends the same fact, which is stored once.
	undo, err := d.Upload.Begin(r.Context(), fact)
	if err != nil {
		return nil, err
	}
	d.Logger.InfoContext(r.Context(), "undo begun", "job", job.ID, "undo", undo.ID, "user", who.ID)
	return &rest.Result{Status: http.StatusAccepted, Message: "The job is being undone.", Data: rest.ViewOf(&undo)}, nil
}

// explainNotUndoable says why a job cannot be undone, "" if it can.
func explainNotUndoable(job *events.Job) string {
	switch {
	case job.Options.Undoes != "":
		return "The job is an undo itself. Upload the file again to write its members again."
	case !job.Ended():
		return "The job is still running. Cancel it, or wait for its end."
	case job.Persisted == nil || job.Options.DryRun:
		return "The job has written nothing, so there is nothing to undo."
	}
	return ""
}
