package reading

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"

	"rollcall.example/events"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/csvfile"
	"rollcall.example/services/pdf"
	"rollcall.example/services/wards"
)

// sendSummary sends the summary of a job as a document of two pages. The wards are those
// that the report names.
func (d Desk) sendSummary(w http.ResponseWriter, r *http.Request, job *events.Job, who rest.Caller) error {
	file, err := d.readReport(r.Context(), job)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // a local copy
	ctx, cancel, explain := rest.LimitMaking(r)
	defer cancel()
	book, err := csvfile.OpenBook(ctx, file, job.Reported.Report.Size)
	if err != nil {
		return explain(err)
	}
	defer func() { _ = book.Close() }() // a reader
	counts, err := wardCounts(book)
	if err != nil {
		return explain(err)
	}
	var document bytes.Buffer
	if err := pdf.WriteSummary(&document, job, counts, max(job.Reported.WardTarget, 1)); err != nil {
		return err
	}
	if err := d.RecordAccess(r, who, job.ID, events.AccessReport, 0); err != nil {
		return err
	}
	d.Logger.InfoContext(r.Context(), "report read", "job", job.ID, "user", who.ID, "format", "pdf")
	name := strings.TrimSuffix(job.FileName, path.Ext(job.FileName)) + " - summary.pdf"
	d.SendPDF(w, r, name, document.Bytes())
	return nil
}

// wardCounts reads the sheet of the wards. Reports of the first versions have none.
func wardCounts(book *csvfile.Book) (list []pdf.WardCount, err error) {
	const sheet = "wards"
	if !book.Has(sheet) {
		return nil, nil
	}
	var text bytes.Buffer
	to := csvfile.NewWriter(&text)
	if err := book.Write(to, sheet); err != nil {
		return nil, err
	}
	if err := to.Flush(); err != nil {
		return nil, err
	}
	rows := csv.NewReader(&text)
	rows.FieldsPerRecord = -1
	all, err := rows.ReadAll() // 10,000 wards at most
	if err != nil {
		return nil, fmt.Errorf("read the wards of a report: %w", err)
	}
	for _, row := range all {
		if len(row) < 5 || !wards.IsCode(row[0]) {
			continue
		}
		n, err := strconv.Atoi(row[4])
		if err != nil {
			return nil, fmt.Errorf("read the wards of a report: %w", err)
		}
		list = append(list, pdf.WardCount{Ward: row[0], Registered: n})
	}
	return list, nil
}
