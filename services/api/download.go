package api

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

const xlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// sendWorkbook sends size bytes of a workbook.
func (e *envelope) sendWorkbook(w http.ResponseWriter, r *http.Request, name string, size int64, book io.Reader) {
	h := w.Header()
	h.Set("Content-Type", xlsxType)
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("Content-Disposition", attachment(name))
	if _, err := io.Copy(w, book); err != nil {
		e.logger.DebugContext(r.Context(), "workbook not sent to its end", "err", err)
	}
}

// workbookName is the upload's name with what the workbook is.
func workbookName(upload, what string) string {
	return strings.TrimSuffix(upload, path.Ext(upload)) + " - " + what + ".xlsx"
}

// attachment is a Content-Disposition with a name in any script.
func attachment(name string) string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": name})
}

func isChecked(job *events.Job) bool { return job.Validated != nil }

func isReported(job *events.Job) bool { return job.Reported != nil }

// notReady refuses what a job will have later.
func notReady(what string, job *events.Job) *refusal.Error {
	return &refusal.Error{Code: refusal.CodeNotReady, Message: what + ": the job is " + string(job.Status) + ".",
		Details: map[string]any{"status": job.Status, "progress": job.Standing.Percent}}
}

// explainDamage makes a refusal of an artifact that is missing or altered.
func explainDamage(err error) error {
	if errors.Is(err, events.ErrMissing) || errors.Is(err, events.ErrAltered) {
		return &refusal.Error{Code: refusal.CodeReportDamaged, Err: err,
			Message: "What is stored of this job is missing or damaged. Please upload the spreadsheet again."}
	}
	return err
}
