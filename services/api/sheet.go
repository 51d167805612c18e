package api

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"path"
	"strings"

	"rollcall.example/events"
	"rollcall.example/services/csvfile"
)

// sendSheet sends a sheet of the report, or the rows that have to be corrected, as a
// text of comma-separated values.
func (s reports) sendSheet(w http.ResponseWriter, r *http.Request, job *events.Job, part string, who caller) error {
	if part == partRejects {
		ctx, cancel, explain := limitMaking(r)
		defer cancel()
		file, size, err := s.readRejects(ctx, job)
		if err != nil {
			return explain(err)
		}
		defer func() { _ = file.Close() }() // a local copy
		return s.sendText(w, r, job, file, size, part, events.AccessRejects, who)
	}
	file, err := s.readReport(r.Context(), job)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // a local copy
	return s.sendText(w, r, job, file, job.Reported.Report.Size, part, events.AccessReport, who)
}

// sendText sends one sheet of a workbook; of the rows to correct all that there is.
func (s reports) sendText(
	w http.ResponseWriter, r *http.Request, job *events.Job, file *os.File, size int64, part string,
	what events.AccessKind, who caller,
) error {
	book, err := csvfile.OpenBook(r.Context(), file, size)
	if err != nil {
		return err
	}
	defer func() { _ = book.Close() }() // a reader
	sheet := part
	if part == partRejects {
		sheet = ""
	} else if !book.Has(part) {
		parts := append([]string{partRejects}, book.Names()...)
		return noSuchPart("With format=csv the parts are "+strings.Join(parts, ", ")+".", parts)
	}
	if err := s.recordAccess(r, who, job.ID, what, 0); err != nil {
		return err
	}
	s.cfg.Logger.InfoContext(r.Context(), string(what)+" read", "job", job.ID, "user", who.ID, "format", "csv")
	name := strings.TrimSuffix(job.FileName, path.Ext(job.FileName)) + " - " + csvfile.NameOf(part) + ".csv"
	w.Header().Set("Content-Type", csvfile.MediaType)
	w.Header().Set("Content-Disposition", attachment(name))
	if r.Method == http.MethodHead {
		return nil
	}
	to := bufio.NewWriterSize(w, 32<<10)
	if err := book.Write(csvfile.NewWriter(to), sheet); err != nil {
		s.breakOff(r, "rows of a sheet", err)
	}
	if err := to.Flush(); err != nil {
		s.breakOff(r, "rows of a sheet", err)
	}
	return nil
}

// readReport opens the report, once all of it was found to be what the log says.
func (s reports) readReport(ctx context.Context, job *events.Job) (*os.File, error) {
	if job.Reported == nil {
		return nil, notReady("The report is not ready", job)
	}
	if err := checkKept(job, "The report", job.Reported.Report); err != nil {
		return nil, err
	}
	file, err := s.cfg.Store.Fetch(ctx, job.Reported.Report)
	return file, explainDamage(err)
}
