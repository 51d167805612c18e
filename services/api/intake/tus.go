package intake

import (
	"net/http"

	"rollcall.example/events/security"
	"rollcall.example/services/api/rest"
)

// ServeTus takes a spreadsheet that is sent in parts; see upload.Service.ServeTus.
func (d Desk) ServeTus(w http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	seen := &statusWriter{ResponseWriter: w}
	if err := d.Upload.ServeTus(seen, r, who.Principal, r.PathValue("uploadId")); err != nil {
		return nil, err
	}
	d.NoteRefusal(r, who.Principal, security.KindOfStatus(seen.status), "tus") // what the library has refused
	return nil, nil
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
