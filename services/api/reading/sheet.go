package reading

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"path"
	"strings"

	"rollcall.example/events"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/csvfile"
)

// sendSheet sends a sheet of the report, or the rows that have to be corrected, as a
// text of comma-separated values.
func (d Desk) sendSheet(w http.ResponseWriter, r *http.Request, job *events.Job, part string, who rest.Caller) error {
	if part == partRejects {
		ctx, cancel, explain := rest.LimitMaking(r)
		defer cancel()
		file, size, err := d.readRejects(ctx, job)
		if err != nil {
			return explain(err)
		}
		defer func() { _ = file.Close() }() // a local copy
		return d.sendText(w, r, job, file, size, part, events.AccessRejects, who)
	}
	file, err := d.readReport(r.Context(), job)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // a local copy
	return d.sendText(w, r, job, file, job.Reported.Report.Size, part, events.AccessReport, who)
}

// sendText sends one sheet of a workbook; of the rows to correct all that there is.
func (d Desk) sendText(
	w http.ResponseWriter, r *http.Request, job *events.Job, file *os.File, size int64, part string,
	what events.AccessKind, who rest.Caller,
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
	if err := d.RecordAccess(r, who, job.ID, what, 0); err != nil {
		return err
	}
	d.Logger.InfoContext(r.Context(), string(what)+" read", "job", job.ID, "user", who.ID, "format", "csv")
	name := strings.TrimSuffix(job.FileName, path.Ext(job.FileName)) + " - " + csvfile.NameOf(part) + ".csv"
	w.Header().Set("Content-Type", csvfile.MediaType)
	w.Header().Set("Content-Disposition", rest.Attachment(name))
	if r.Method == http.MethodHead {
		return nil
	}
	to := bufio.NewWriterSize(w, 32<<10)
	if err := book.Write(csvfile.NewWriter(to), sheet); err != nil {
		d.BreakOff(r, "rows of a sheet", err)
	}
	if err := to.Flush(); err != nil {
		d.BreakOff(r, "rows of a sheet", err)
	}
	return nil
}

// readReport opens the report, once all of it was found to be what the log says.
func (d Desk) readReport(ctx context.Context, job *events.Job) (*os.File, error) {
	if job.Reported == nil {
		return nil, rest.NotReady("The report is not ready", job)
	}
	if err := rest.CheckKept(job, "The report", job.Reported.Report); err != nil {
		return nil, err
	}
	file, err := d.Store.Fetch(ctx, job.Reported.Report)
	return file, rest.ExplainDamage(err)
}
