package upload

import (
	"errors"
	"net/http"

	"rollcall.example/events"
)

// undo begins the job that takes back what another one has written. Its id
// follows from that of the other, so that twice is once.
func (s *Service) undo(_ http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	job, err := s.load(r.Context(), r.PathValue("jobId"), who)
	if err != nil {
		return nil, err
	}
	if why := notUndoable(&job); why != "" {
		return nil, &problem{code: "not_allowed", message: why, details: map[string]any{"status": job.Status}}
	}
	id := events.UndoJobID(job.ID)
	switch undo, err := s.load(r.Context(), id, who); {
	case err == nil:
		return &result{message: "The job is undone by this one already.", data: view(&undo)}, nil
	case !errors.Is(err, events.ErrNotFound):
		return nil, err
	}
	if err := gone(&job, "What this job has changed", job.Inputs()[1:]...); err != nil {
		return nil, err
	}
	options := job.Options
	options.Undoes = job.ID
	fact := &events.Uploaded{Owner: job.Owner, FileName: "Undo of " + job.FileName, File: job.Uploaded.File, Options: options}
	fact.JobID = id
	// Who asks at the same moment appends the same fact, which is stored once.
	undo, _, err := s.open(r.Context(), fact)
	if err != nil {
		return nil, err
	}
	s.cfg.Logger.Info("undo", "job", job.ID, "by", undo.ID, "user", who.ID)
	s.projectNow(r.Context(), undo)
	return &result{status: http.StatusAccepted, message: "The job is being undone.", data: view(&undo)}, nil
}

// notUndoable says why a job cannot be undone, "" if it can.
func notUndoable(job *events.Job) string {
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
