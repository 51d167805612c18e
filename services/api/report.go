package api

import (
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// reports are the handlers of the workbooks of a job.
type reports struct{ *API }

// send sends a workbook of a job: the report, or with part=rejects the rows
// that have to be corrected.
func (s reports) send(w http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	job, err := s.load(r.Context(), r.PathValue("jobId"), who)
	if err != nil {
		return nil, err
	}
	end, err := s.downloads.begin(who.ID)
	if err != nil {
		return nil, err
	}
	defer end()
	switch part := r.URL.Query().Get("part"); part {
	case "", "report":
		return nil, s.sendReport(w, r, &job, who)
	case "rejects":
		return nil, s.sendRejects(w, r, &job, who)
	}
	return nil, refusal.New(refusal.CodeBadRequest, "There is no such part of a report. The parts are report and rejects.")
}

// sendReport sends the report, once all of it was found to be what the log says.
func (s reports) sendReport(w http.ResponseWriter, r *http.Request, job *events.Job, who caller) error {
	if job.Reported == nil {
		return notReady("The report is not ready", job)
	}
	if err := checkKept(job, "The report", job.Reported.Report); err != nil {
		return err
	}
	file, err := s.cfg.Store.Fetch(r.Context(), job.Reported.Report)
	if err != nil {
		return explainDamage(err)
	}
	defer func() { _ = file.Close() }() // a local copy
	if err := s.recordAccess(r, who, job.ID, events.AccessReport, 0); err != nil {
		return err
	}
	s.cfg.Logger.InfoContext(r.Context(), "report read", "job", job.ID, "user", who.ID)
	w.Header().Set("ETag", `"`+job.Reported.Report.SHA256+`"`)
	s.sendWorkbook(w, r, workbookName(job, "report"), job.Reported.Report.Size, file)
	return nil
}
