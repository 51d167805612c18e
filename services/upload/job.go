package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"rollcall.example/events"
)

// load returns a job that the person may see.
func (s *Service) load(ctx context.Context, id string, who Principal) (events.Job, error) {
	job, err := s.cfg.Log.Load(ctx, id)
	if err != nil {
		return events.Job{}, err
	}
	if job.Owner.ID != who.ID && !who.Admin {
		return events.Job{}, notFound()
	}
	return job, nil
}

// jobView is a job as the API shows it.
type jobView struct {
	JobID    string        `json:"job_id"`
	Status   events.Status `json:"status"`
	FileName string        `json:"file_name"`
	FileSize int64         `json:"file_size"`
	UserID   string        `json:"user_id"`
	// Stage is the step on the wire, and Progress its percentage.
	Stage     events.Step    `json:"stage"`
	Progress  int            `json:"progress"`
	Message   string         `json:"message"`
	Processed int            `json:"rows_processed"`
	Total     int            `json:"rows_total"`
	Options   events.Options `json:"options"`
	// Seq is the last event's sequence in the stream.
	Seq        uint64                  `json:"seq"`
	Validation *events.ValidationStats `json:"validation_stats,omitempty"`
	IEC        *events.IECStats        `json:"iec_stats,omitempty"`
	Database   *events.DatabaseStats   `json:"database_stats,omitempty"`
	Error      *errorView              `json:"error,omitempty"`
	ResumesAt  *time.Time              `json:"resumes_at,omitempty"`
	// ETA is when the IEC will have answered for all rows, by the speed so far.
	ETA        time.Time `json:"eta,omitzero"`
	ReportPath string    `json:"report_path,omitempty"`
	DurationMS int64     `json:"processing_duration_ms,omitempty"`
	// Removed names the data of the job that is kept no longer.
	Removed   []string  `json:"removed,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type errorView struct {
	Code      string       `json:"code"`
	Message   string       `json:"message"`
	Stage     events.Stage `json:"stage"`
	Attempts  int          `json:"attempts"`
	Retryable bool         `json:"retryable"`
}

func (s *Service) status(_ http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	if r.URL.Query().Has("at_seq") {
		return s.statusAt(r, who)
	}
	job, err := s.load(r.Context(), r.PathValue("jobId"), who)
	if err != nil {
		return nil, err
	}
	progress, ok, err := s.cfg.Log.Progress(r.Context(), job.ID)
	if err != nil {
		return nil, err
	}
	v := view(&job)
	// Progress of an earlier stage, or of an earlier try, is history.
	if ok && job.Status == events.StatusProcessing && progress.Trigger == job.Trigger && progress.Percent >= v.Progress {
		v.Stage, v.Progress, v.Message = progress.Step, progress.Percent, progress.Message
		v.Processed, v.Total, v.ETA = progress.Processed, progress.Total, progress.ETA
	} else if ok && job.Status == events.StatusPending && progress.Trigger == job.Trigger {
		v.Status, v.Stage, v.Progress, v.Message = events.StatusProcessing, progress.Step, progress.Percent, progress.Message
		v.Processed, v.Total = progress.Processed, progress.Total
	}
	return &result{message: "The job was found.", data: v}, nil
}

func view(j *events.Job) jobView {
	v := jobView{
		JobID: j.ID, Status: j.Status, FileName: j.FileName, FileSize: j.Uploaded.File.Size, UserID: j.Owner.ID,
		Stage: j.Standing.Step, Progress: j.Standing.Percent, Message: j.Standing.Message,
		Processed: j.Standing.Processed, Total: j.Standing.Total, Options: j.Options, Seq: j.Seq, CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt,
		Removed: removed(j),
	}
	if f := j.Validated; f != nil {
		v.Validation = &f.Stats
	}
	if f := j.Verified; f != nil {
		v.IEC = &f.Stats
	}
	if f := j.Persisted; f != nil {
		v.Database = &f.Stats
	}
	if f := j.Reported; f != nil {
		v.Validation, v.Database = &f.Validation, &f.Database
		v.ReportPath, v.DurationMS = Base+"/report/"+j.ID, f.DurationMS
	}
	if f := j.Paused; f != nil {
		v.ResumesAt, v.ETA = &f.ResumesAt, f.ETA
	}
	if f := j.Failed; f != nil {
		v.Error = &errorView{Code: f.Code, Message: f.Message, Stage: f.Stage, Attempts: f.Attempts, Retryable: f.Retryable}
	}
	return v
}

func (s *Service) cancel(_ http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	job, err := s.steer(r, who, func(j *events.Job) events.Fact { return &events.Cancelled{Stage: j.Stage, By: who.User} })
	if err != nil {
		return nil, err
	}
	return &result{message: "The job was cancelled.", data: view(&job)}, nil
}

func (s *Service) retry(_ http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	known, err := s.load(r.Context(), r.PathValue("jobId"), who)
	if err != nil {
		return nil, err
	}
	if err := gone(&known, "The spreadsheet", inputOf(&known)); err != nil {
		return nil, err
	}
	job, err := s.steer(r, who, func(j *events.Job) events.Fact { return &events.Retried{Stage: j.Stage, By: who.User} })
	if err != nil {
		return nil, err
	}
	return &result{status: http.StatusAccepted, message: "The job is being tried again.", data: view(&job)}, nil
}

// steer appends a fact that a person asked for. When the job moves on at the
// same moment, it is decided anew whether the fact may follow.
func (s *Service) steer(r *http.Request, who Principal, fact func(*events.Job) events.Fact) (events.Job, error) {
	const tries = 20
	for range tries {
		job, err := s.load(r.Context(), r.PathValue("jobId"), who)
		if err != nil {
			return events.Job{}, err
		}
		_, err = s.cfg.Log.Append(r.Context(), &job, job.Seq, fact(&job))
		switch {
		case errors.Is(err, events.ErrConflict):
			continue
		case errors.Is(err, events.ErrNotAllowed):
			p := refuse("not_allowed", "The job is "+string(job.Status)+", so this cannot be done to it.")
			switch {
			case job.Expired() != nil && job.Kind != events.KindReported:
				p.message = "What is kept of this job is not enough any more to try again. Please upload the spreadsheet again."
			case job.Failed != nil && !job.Failed.Retryable:
				p.message = "Trying again would fail in the same way. " + job.Failed.Message
			}
			p.details, p.err = map[string]any{"status": job.Status}, err
			return events.Job{}, p
		case err != nil:
			return events.Job{}, err
		}
		if err := s.project(r.Context(), &job); err != nil {
			s.cfg.Logger.WarnContext(r.Context(), "list not up to date yet", "job", job.ID, "err", err)
		}
		s.cfg.Logger.InfoContext(r.Context(), "job steered", "job", job.ID, "user", who.ID, "fact", job.Kind)
		return job, nil
	}
	return events.Job{}, fmt.Errorf("job moved on %d times: %w", tries, events.ErrConflict)
}
