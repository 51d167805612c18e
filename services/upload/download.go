package upload

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"rollcall.example/events"
)

const xlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// report sends a workbook of a job: the report, or with part=rejects the rows
// that have to be corrected.
func (s *Service) report(w http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	job, err := s.load(r.Context(), r.PathValue("jobId"), who)
	if err != nil {
		return nil, err
	}
	switch part := r.URL.Query().Get("part"); part {
	case "", "report":
		return nil, s.sendReport(w, r, &job, who)
	case "rejects":
		return nil, s.sendRejects(w, r, &job, who)
	}
	return nil, refuse("bad_request", "There is no such part of a report. The parts are report and rejects.")
}

// sendReport sends the report, after all of it was found to be what the log says.
func (s *Service) sendReport(w http.ResponseWriter, r *http.Request, job *events.Job, who Principal) error {
	if job.Reported == nil {
		return notReady("The report is not ready", job)
	}
	if err := gone(job, "The report", job.Reported.Report); err != nil {
		return err
	}
	file, err := s.cfg.Store.Fetch(r.Context(), job.Reported.Report)
	if err != nil {
		return damaged(err)
	}
	defer func() { _ = file.Close() }() // a local copy
	if err := s.audited(r, who, job.ID, events.AccessReport, 0); err != nil {
		return err
	}
	s.cfg.Logger.InfoContext(r.Context(), "report read", "job", job.ID, "user", who.ID)
	w.Header().Set("ETag", `"`+job.Reported.Report.SHA256+`"`)
	s.sendWorkbook(w, named(job, "report"), job.Reported.Report.Size, file)
	return nil
}

// sendRejects sends the rows that have to be corrected, from the moment on when
// the rows have been checked.
func (s *Service) sendRejects(w http.ResponseWriter, r *http.Request, job *events.Job, who Principal) error {
	if undone := job.Options.Undoes; undone != "" {
		return refuse("nothing_to_fix", "This job takes another one back. The rows to correct are those of "+undone+".")
	}
	if job.Validated == nil {
		return notReady("The rows have not been checked", job)
	}
	needed := []events.Artifact{job.Validated.Rejects, job.Validated.Rows}
	if job.Persisted != nil {
		needed = append(needed, job.Persisted.Outcomes)
	}
	if err := gone(job, "What has to be corrected", needed...); err != nil {
		return err
	}
	rows, head, err := s.toFix(r.Context(), job)
	if err != nil {
		return damaged(err)
	}
	if len(rows) == 0 {
		return refuse("nothing_to_fix", "No row of this file has to be corrected.")
	}
	var book bytes.Buffer
	if err := writeRejects(&book, s.cfg.Store.SpoolDir, head.Columns, rows); err != nil {
		return err
	}
	if err := s.audited(r, who, job.ID, events.AccessRejects, 0); err != nil {
		return err
	}
	s.cfg.Logger.InfoContext(r.Context(), "rejects read", "job", job.ID, "user", who.ID)
	s.sendWorkbook(w, named(job, "to fix"), int64(book.Len()), &book)
	return nil
}

func notReady(what string, job *events.Job) *problem {
	p := refuse("not_ready", what+": the job is "+string(job.Status)+".")
	p.details = map[string]any{"status": job.Status, "progress": job.Standing.Percent}
	return p
}

// damaged is an error of reading an artifact.
func damaged(err error) error {
	if errors.Is(err, events.ErrMissing) || errors.Is(err, events.ErrAltered) {
		return &problem{code: "report_damaged", message: "What is stored of this job is missing or damaged. Please upload the spreadsheet again.", err: err}
	}
	return err
}

func (s *Service) sendWorkbook(w http.ResponseWriter, name string, size int64, book io.Reader) {
	h := w.Header()
	h.Set("Content-Type", xlsxType)
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("Content-Disposition", attachment(name))
	if _, err := io.Copy(w, book); err != nil {
		s.cfg.Logger.Debug("workbook not sent to its end", "err", err)
	}
}

// named is the upload's name with what the workbook is.
func named(job *events.Job, what string) string {
	return strings.TrimSuffix(job.FileName, path.Ext(job.FileName)) + " - " + what + ".xlsx"
}

// attachment is a Content-Disposition with a name in any script.
func attachment(name string) string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": name})
}
