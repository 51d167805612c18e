package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"iter"
	"net/http"
	"path"
	"strconv"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/events/security"
	"rollcall.example/services/csvfile"
	"rollcall.example/services/pdf"
	"rollcall.example/services/wards"
)

const pdfType = "application/pdf"

// register sends the attendance register of a ward that has reached its target: those of
// its registered members who lie in the area of the person.
func (d wardDesk) register(w http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	ward := r.PathValue("ward")
	if !wards.IsCode(ward) {
		return nil, refusal.New(refusal.CodeBadRequest, "The ward must be its code of 8 digits.")
	}
	end, err := d.downloads.begin(who.ID)
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel, explain := limitMaking(r)
	defer cancel()
	q := wards.Query{Ward: ward}
	if q.Bounds, err = boundsOf(ctx, d.API, who); err != nil {
		return nil, explain(err)
	}
	s, err := d.cfg.Wards.Stand(ctx, q)
	switch {
	case err != nil:
		return nil, explain(err)
	case len(s.Wards) == 0 || !s.Wards[0].Reached:
		return nil, &refusal.Error{Code: refusal.CodeNotAllowed,
			Message: "The ward has not reached its target in your area, so there is no register for a meeting.",
			Details: map[string]any{"registered": s.Total.Registered, "target": d.cfg.Wards.Target()}}
	case s.Wards[0].Registered > pdf.MaxAttendees:
		return nil, &refusal.Error{Code: refusal.CodeNotAllowed,
			Message: fmt.Sprintf("The ward has more than the %d members that a register may have.", pdf.MaxAttendees)}
	}
	found := s.Wards[0]
	at := d.cfg.Now()
	var file bytes.Buffer // some hundred KB
	head := pdf.Register{Ward: ward, SubRegion: found.SubRegion, Municipality: found.Municipality,
		Province: found.Province, Registered: found.Registered, Target: found.Target, At: at}
	if err := head.Write(&file, d.attendees(ctx, q)); err != nil {
		return nil, explain(err)
	}
	read := events.Access{Ward: ward, What: events.AccessRegister, At: at.UTC(), By: who.User,
		From: security.ClientAddress(r, d.cfg.TrustedProxies)}
	if err := recordReading(d.API, r, read); err != nil {
		return nil, err
	}
	d.cfg.Logger.InfoContext(r.Context(), "register read", "ward", ward, "user", who.ID)
	sendPDF(d.API, w, r, "register "+ward+" "+at.In(events.SouthAfrica).Format("2006-01-02")+".pdf", file.Bytes())
	return nil, nil
}

// attendees are the lines of a register.
func (d wardDesk) attendees(ctx context.Context, q wards.Query) iter.Seq2[pdf.Attendee, error] {
	return func(yield func(pdf.Attendee, error) bool) {
		for m, err := range d.cfg.Wards.Members(ctx, q.Ward, q.Bounds) {
			if !yield(pdf.Attendee{Name: m.Name, MaskedID: events.MaskID(m.IDNumber), VD: m.VD}, err) {
				return
			}
		}
	}
}

// recordReading records that somebody reads about people who are no rows of one job.
func recordReading(a *API, r *http.Request, read events.Access) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), auditTime)
	defer cancel()
	if err := a.auditor.Write(ctx, read); err != nil {
		return err
	}
	a.cfg.Watch.Read(r.Context(), read)
	return nil
}

// sendSummary sends the summary of a job as a document of two pages. The wards are those
// that the report names.
func (s reports) sendSummary(w http.ResponseWriter, r *http.Request, job *events.Job, who caller) error {
	file, err := s.readReport(r.Context(), job)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // a local copy
	ctx, cancel, explain := limitMaking(r)
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
	if err := s.recordAccess(r, who, job.ID, events.AccessReport, 0); err != nil {
		return err
	}
	s.cfg.Logger.InfoContext(r.Context(), "report read", "job", job.ID, "user", who.ID, "format", "pdf")
	name := strings.TrimSuffix(job.FileName, path.Ext(job.FileName)) + " - summary.pdf"
	sendPDF(s.API, w, r, name, document.Bytes())
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

func sendPDF(a *API, w http.ResponseWriter, r *http.Request, name string, file []byte) {
	w.Header().Set("Content-Type", pdfType)
	w.Header().Set("Content-Disposition", attachment(name))
	w.Header().Set("Content-Length", strconv.Itoa(len(file)))
	if r.Method == http.MethodHead {
		return
	}
	if _, err := w.Write(file); err != nil {
		a.breakOff(r, name, err)
	}
}
