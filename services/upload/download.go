package upload

import (
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

// report sends the report, after all of it was found to be what the log says.
func (s *Service) report(w http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	job, err := s.load(r.Context(), r.PathValue("job"), who)
	if err != nil {
		return nil, err
	}
	if job.Reported == nil {
		p := refuse("not_ready", "The report is not ready: the job is "+string(job.Status)+".")
		p.details = map[string]any{"status": job.Status, "progress": job.Percent()}
		return nil, p
	}
	file, err := s.cfg.Store.Fetch(r.Context(), job.Reported.Report)
	if errors.Is(err, events.ErrGone) || errors.Is(err, events.ErrAltered) {
		return nil, &problem{code: "report_damaged", message: "The stored report is missing or damaged. Please upload the spreadsheet again.", err: err}
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // a local copy
	s.cfg.Logger.Info("report read", "job", job.ID, "user", who.ID)
	h := w.Header()
	h.Set("Content-Type", xlsxType)
	h.Set("Content-Length", strconv.FormatInt(job.Reported.Report.Size, 10))
	h.Set("Content-Disposition", attachment(reportName(job.FileName)))
	h.Set("ETag", `"`+job.Reported.Report.SHA256+`"`)
	if _, err := io.Copy(w, file); err != nil {
		s.cfg.Logger.Debug("report not sent to its end", "job", job.ID, "err", err)
	}
	return nil, nil
}

func reportName(upload string) string {
	return strings.TrimSuffix(upload, path.Ext(upload)) + " - report.xlsx"
}

// attachment is a Content-Disposition with a name in any script.
func attachment(name string) string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": name})
}
