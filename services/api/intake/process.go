package intake

import (
	"context"
	"net/http"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/mappings"
	"rollcall.example/services/api/rest"
)

// positionTime bounds the question where in the queue a job stands.
const positionTime = time.Second

// headerReplayed says that a file was received before, with the same idempotency key.
const headerReplayed = "Idempotent-Replayed"

// accepted is the answer to an upload.
type accepted struct {
	JobID    string         `json:"job_id"`
	Status   events.Status  `json:"status"`
	FileName string         `json:"file_name"`
	FileSize int64          `json:"file_size"`
	SHA256   string         `json:"sha256"`
	Options  events.Options `json:"options"`
	// Mapping is what was said of the columns of the file.
	Mapping []events.MappedColumn `json:"mapping,omitempty"`
	// Offered is a mapping of the user that fits the file.
	Offered *mappings.Saved `json:"mapping_offered,omitempty"`
	// SameAs is a completed job of the same file and user.
	SameAs string `json:"same_as,omitempty"`
	Links  links  `json:"links"`
	// Message is that of the answer.
	Message string `json:"message"`
	// Position counts from 1 among all jobs that wait; nil when it waits no longer, and
	// when that could not be counted.
	Position *int `json:"queue_position"`
}

type links struct {
	Status string `json:"status"`
	Report string `json:"report"`
	Cancel string `json:"cancel"`
}

// Process takes a spreadsheet that is sent as a form.
func (d Desk) Process(w http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	received, err := d.Upload.ReceiveForm(w, r, who.Principal)
	if err != nil {
		return nil, err
	}
	job := &received.Job
	data := accepted{
		JobID: job.ID, Status: job.Status, FileName: job.FileName,
		FileSize: job.Uploaded.File.Size, SHA256: job.Uploaded.File.SHA256, Options: job.Options, SameAs: received.SameAs,
		Mapping: job.Uploaded.Mapping.List(), Offered: received.Offered,
		Links: links{
			Status: rest.Base + "/status/" + job.ID,
			Report: rest.Base + "/report/" + job.ID,
			Cancel: rest.Base + "/cancel/" + job.ID,
		},
	}
	message := "The file was received and is being processed."
	if received.Repeated {
		w.Header().Set(headerReplayed, "true")
		message = "The file was received before."
	}
	data.Message, data.Position = message, d.positionOf(r.Context(), job.ID)
	return &rest.Result{Status: http.StatusAccepted, Message: message, Data: data}, nil
}

// positionOf returns where a job stands in the queue. The file has been received, so a
// database that does not answer is no failure.
func (d Desk) positionOf(ctx context.Context, jobID string) *int {
	ctx, cancel := context.WithTimeout(ctx, positionTime)
	defer cancel()
	positions, err := d.Jobs.Positions(ctx, jobID)
	if err != nil {
		d.Logger.WarnContext(ctx, "place in the queue not told", "job", jobID, "err", err)
	}
	if n, waits := positions[jobID]; waits {
		return &n
	}
	return nil
}
