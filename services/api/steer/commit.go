package steer

import (
	"context"
	"errors"
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/records"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/upload"
)

// Commit begins the job that writes what a dry run has shown. Its id follows from that
// of the dry run, or of the commit that was declined last, so that twice is once. It
// belongs to the owner of the dry run, and has its options and its area.
func (d Desk) Commit(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	job, err := d.LoadCurrent(r.Context(), r.PathValue("jobId"), who)
	if err == nil {
		err = who.May(access.Upload)
	}
	if err != nil {
		return nil, err
	}
	if why := explainNotCommittable(&job); why != "" {
		return nil, &refusal.Error{Code: refusal.CodeNotAllowed, Message: why, Details: map[string]any{"status": job.Status}}
	}
	covered, err := upload.Covers(r.Context(), d.Upload, who.Area, job.Area())
	if err != nil {
		return nil, err
	}
	if !covered {
		return nil, &refusal.Error{Code: refusal.CodeForbidden,
			Message: "The dry run was made for an area that does not lie in yours.",
			Details: map[string]any{"permission": access.Write, "reason": "area"}}
	}
	id := events.CommitJobID(job.ID)
	for {
		begun, err := d.Load(r.Context(), id, who)
		if errors.Is(err, events.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		if begun.Declined == nil {
			return &rest.Result{Message: "The dry run is committed by this job already.", Data: rest.ViewOf(&begun)}, nil
		}
		id = events.CommitJobID(begun.ID) // a declined commit has written nothing, so the next one may be asked for
	}
	if err := rest.CheckKept(&job, "What the dry run has found", job.Inputs()[1:]...); err != nil {
		return nil, err
	}
	if err := d.checkComparable(r.Context(), &job); err != nil {
		return nil, err
	}
	options := job.Options
	options.DryRun, options.Commits, options.Approval = false, job.ID, who.May(access.Write) != nil
	area := job.Area()
	fact := &events.Uploaded{
		Owner: job.Owner, FileName: job.FileName, File: job.Uploaded.File, Options: options, Area: &area,
		Mapping: job.Uploaded.Mapping,
	}
	if job.Owner.ID != who.ID {
		fact.By = &who.User
	}
	fact.JobID = id
	// Whoever asks at the same moment appends the same fact, which is stored once.
	begun, err := d.Upload.Begin(r.Context(), fact)
	if err != nil {
		return nil, err
	}
	d.Logger.InfoContext(r.Context(), "commit begun", "job", job.ID, "commit", begun.ID, "user", who.ID)
	return &rest.Result{Status: http.StatusAccepted, Message: "What the dry run has shown is being written.",
		Data: rest.ViewOf(&begun)}, nil
}

// explainNotCommittable says why a job is no finished dry run, "" if it is.
func explainNotCommittable(job *events.Job) string {
	switch {
	case !job.Options.DryRun:
		return "The job is no dry run: it writes by itself."
	case !job.Ended():
		return "The dry run is still running. Wait for its end, and look at what it shows."
	case job.Reported == nil:
		return "The dry run is " + string(job.Status) + ", so it has shown nothing that could be written."
	}
	return ""
}

// checkComparable refuses a dry run of a version that kept nothing to compare with.
func (d Desk) checkComparable(ctx context.Context, job *events.Job) error {
	outcomes, err := records.Open[records.Outcome](ctx, d.Store, job.Persisted.Outcomes)
	if err != nil {
		return rest.ExplainDamage(err)
	}
	defer func() { _ = outcomes.Close() }() // a local copy
	if outcomes.Header.Salt == "" {
		return refusal.OldDryRun()
	}
	return nil
}
