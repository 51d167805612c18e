package api

import (
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/mappings"
)

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
}

type links struct {
	Status string `json:"status"`
	Report string `json:"report"`
	Cancel string `json:"cancel"`
}

// process takes a spreadsheet that is sent as a form.
func (a *API) process(w http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	received, err := a.cfg.Upload.ReceiveForm(w, r, who.Principal)
	if err != nil {
		return nil, err
	}
	job := &received.Job
	data := accepted{
		JobID: job.ID, Status: job.Status, FileName: job.FileName,
		FileSize: job.Uploaded.File.Size, SHA256: job.Uploaded.File.SHA256, Options: job.Options, SameAs: received.SameAs,
		Mapping: job.Uploaded.Mapping.List(), Offered: received.Offered,
		Links: links{
			Status: Base + "/status/" + job.ID, Report: Base + "/report/" + job.ID, Cancel: Base + "/cancel/" + job.ID,
		},
	}
	message := "The file was received and is being processed."
	if received.Repeated {
		w.Header().Set(headerReplayed, "true")
		message = "The file was received before."
	}
	return &result{status: http.StatusAccepted, message: message, data: data}, nil
}
