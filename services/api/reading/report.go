package reading

import (
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
)

// Report sends a workbook of a job: the report, or with part=rejects the rows
// that have to be corrected; or with format=csv one sheet of them.
func (d Desk) Report(w http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	part, format := r.URL.Query().Get("part"), r.URL.Query().Get("format")
	has := rest.IsReported
	if part == partRejects {
		has = rest.IsChecked
	}
	job, err := d.LoadWith(r.Context(), r.PathValue("jobId"), who, has)
	if err != nil {
		return nil, err
	}
	end, err := d.Downloads.Begin(who.ID)
	if err != nil {
		return nil, err
	}
	defer end()
	switch {
	case format == "csv":
		return nil, d.sendSheet(w, r, &job, part, who)
	case format == "pdf" && (part == "" || part == partReport):
		return nil, d.sendSummary(w, r, &job, who)
	case format != "" && format != "xlsx":
		return nil, refusal.New(refusal.CodeBadRequest, "There is no such format of this part. The formats are xlsx, csv, "+
			"and pdf of the report.")
	case part == "" || part == partReport:
		return nil, d.sendReport(w, r, &job, who)
	case part == partRejects:
		return nil, d.sendRejects(w, r, &job, who)
	}
	return nil, noSuchPart("The parts are report and rejects, and with format=csv rejects and each sheet of the report.",
		[]string{partReport, partRejects})
}

// Parts of a report that are no sheets of it.
const (
	partReport  = "report"
	partRejects = "rejects"
)

func noSuchPart(message string, parts []string) error {
	return &refusal.Error{Code: refusal.CodeBadRequest, Message: "There is no such part of a report. " + message,
		Details: map[string]any{"parts": parts}}
}

// sendReport sends the report.
func (d Desk) sendReport(w http.ResponseWriter, r *http.Request, job *events.Job, who rest.Caller) error {
	file, err := d.readReport(r.Context(), job)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // a local copy
	if err := d.RecordAccess(r, who, job.ID, events.AccessReport, 0); err != nil {
		return err
	}
	d.Logger.InfoContext(r.Context(), "report read", "job", job.ID, "user", who.ID)
	w.Header().Set("ETag", `"`+job.Reported.Report.SHA256+`"`)
	d.SendWorkbook(w, r, rest.WorkbookName(job.FileName, "report"), job.Reported.Report.Size, file)
	return nil
}
