package upload

import (
	"context"
	"net/http"
	"time"

	"rollcall.example/events"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// accepted is the answer to an upload.
type accepted struct {
	JobID    string         `json:"job_id"`
	Status   events.Status  `json:"status"`
	FileName string         `json:"file_name"`
	FileSize int64          `json:"file_size"`
	SHA256   string         `json:"sha256"`
	Options  events.Options `json:"options"`
	// SameAs is a completed job of the same file and user.
	SameAs string `json:"same_as,omitempty"`
	Links  links  `json:"links"`
}

type links struct {
	Status string `json:"status"`
	Report string `json:"report"`
	Cancel string `json:"cancel"`
}

func linksOf(jobID string) links {
	return links{Status: Base + "/status/" + jobID, Report: Base + "/report/" + jobID, Cancel: Base + "/cancel/" + jobID}
}

func answerOf(job *events.Job) accepted {
	return accepted{
		JobID: job.ID, Status: job.Status, FileName: job.FileName, FileSize: job.Uploaded.File.Size, SHA256: job.Uploaded.File.SHA256,
		Options: job.Options, Links: linksOf(job.ID),
	}
}

// process takes a spreadsheet. What is refused leaves nothing behind: the file
// is looked at before anything is stored.
func (s *Service) process(w http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	sent, err := s.transfer(who)
	if err != nil {
		return nil, err
	}
	defer sent()
	counting, cancel := context.WithTimeout(r.Context(), limitTime)
	err = s.within(counting, s.cfg.DB, who) // before all of a file is received
	cancel()
	if err != nil {
		return nil, err
	}
	f, err := s.readForm(w, r)
	defer func() {
		// The job may exist by now, and the copy has no name: it is no reason to refuse.
		if err := f.close(); err != nil {
			s.cfg.Logger.WarnContext(r.Context(), "spool not closed", "err", err)
		}
	}()
	if err != nil {
		return nil, err
	}
	job, first, err := s.admit(r.Context(), who, f)
	if err != nil {
		return nil, err
	}
	if !first {
		return s.again(w, job, f)
	}
	data := answerOf(job)
	data.SameAs = s.sameAs(r.Context(), job)
	return &result{status: http.StatusAccepted, message: "The file was received and is being processed.", data: data}, nil
}

// admit makes a job of a file that was received, or refuses it. First is false when its
// key has led to the job already.
func (s *Service) admit(ctx context.Context, who Principal, f *form) (job *events.Job, first bool, err error) {
	id, earlier, err := s.keyed(ctx, who, f.key)
	if err != nil || earlier != nil {
		return earlier, false, err
	}
	release, err := s.turn(ctx)
	if err != nil {
		return nil, false, err
	}
	defer release()
	columns, err := schema.Columns()
	if err != nil {
		return nil, false, err
	}
	if _, err := workbook.Preflight(f.file, f.size, workbook.Limits{}, columns); err != nil {
		return nil, false, err
	}
	if err := ctx.Err(); err != nil {
		return nil, false, err // nobody waits for the job id
	}
	counted, err := s.claim(ctx, who)
	if err != nil {
		return nil, false, err
	}
	defer counted()
	accepted, first, err := s.accept(ctx, who, id, f)
	if err != nil {
		return nil, false, err
	}
	if first {
		s.cfg.Logger.InfoContext(ctx, "accepted", "job", accepted.ID, "user", who.ID, "size", f.size)
		s.projectNow(ctx, accepted)
	}
	return &accepted, first, nil
}

// turn waits until there is room for one more file, for a while.
func (s *Service) turn(ctx context.Context) (release func(), err error) {
	wait := time.NewTimer(s.cfg.MaxWait)
	defer wait.Stop()
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-wait.C:
		return nil, &problem{code: "busy",
			message: "Many files are being uploaded at the moment. Please try again in a minute."}
	}
}
