package rest

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// XLSXType is the media type of a workbook.
const XLSXType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// SendWorkbook sends size bytes of a workbook.
func (d *Desk) SendWorkbook(w http.ResponseWriter, r *http.Request, name string, size int64, book io.Reader) {
	h := w.Header()
	h.Set("Content-Type", XLSXType)
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("Content-Disposition", Attachment(name))
	if _, err := io.Copy(w, book); err != nil {
		d.Logger.DebugContext(r.Context(), "workbook not sent to its end", "err", err)
	}
}

// WorkbookName is the upload's name with what the workbook is.
func WorkbookName(upload, what string) string {
	return strings.TrimSuffix(upload, path.Ext(upload)) + " - " + what + ".xlsx"
}

// Attachment is a Content-Disposition with a name in any script.
func Attachment(name string) string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": name})
}

// IsChecked says that the rows of a job were checked, for LoadWith.
func IsChecked(job *events.Job) bool { return job.Validated != nil }

// IsReported says that a job has its report, for LoadWith.
func IsReported(job *events.Job) bool { return job.Reported != nil }

// NotReady refuses what a job will have later.
func NotReady(what string, job *events.Job) *refusal.Error {
	return &refusal.Error{Code: refusal.CodeNotReady, Message: what + ": the job is " + string(job.Status) + ".",
		Details: map[string]any{"status": job.Status, "progress": job.Standing.Percent}}
}

// ExplainDamage makes a refusal of an artifact that is missing or altered.
func ExplainDamage(err error) error {
	if errors.Is(err, events.ErrMissing) || errors.Is(err, events.ErrAltered) {
		return &refusal.Error{Code: refusal.CodeReportDamaged, Err: err,
			Message: "What is stored of this job is missing or damaged. Please upload the spreadsheet again."}
	}
	return err
}

const pdfType = "application/pdf"

// SendPDF sends a document.
func (d *Desk) SendPDF(w http.ResponseWriter, r *http.Request, name string, file []byte) {
	w.Header().Set("Content-Type", pdfType)
	w.Header().Set("Content-Disposition", Attachment(name))
	w.Header().Set("Content-Length", strconv.Itoa(len(file)))
	if r.Method == http.MethodHead {
		return
	}
	if _, err := w.Write(file); err != nil {
		d.BreakOff(r, name, err)
	}
}

// BreakOff ends an answer that cannot be sent to its end.
func (d *Desk) BreakOff(r *http.Request, what string, err error) {
	if r.Context().Err() == nil {
		d.Logger.WarnContext(r.Context(), what+" not sent to their end", "err", err)
	}
	panic(http.ErrAbortHandler)
}
