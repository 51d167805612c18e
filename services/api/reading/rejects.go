package reading

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/rejects"
)

// sendRejects sends the rows that have to be corrected, from the moment on when
// the rows have been checked.
func (d Desk) sendRejects(w http.ResponseWriter, r *http.Request, job *events.Job, who rest.Caller) error {
	ctx, cancel, explain := rest.LimitMaking(r)
	defer cancel()
	file, size, err := d.readRejects(ctx, job)
	if err != nil {
		return explain(err)
	}
	defer func() { _ = file.Close() }() // a local copy
	if err := d.RecordAccess(r, who, job.ID, events.AccessRejects, 0); err != nil {
		return err
	}
	d.Logger.InfoContext(r.Context(), "rejects read", "job", job.ID, "user", who.ID)
	d.SendWorkbook(w, r, rest.WorkbookName(job.FileName, "to fix"), size, file)
	return nil
}

// readRejects opens the workbook of the rows that have to be corrected, where there can be one.
func (d Desk) readRejects(ctx context.Context, job *events.Job) (file *os.File, size int64, err error) {
	if undone := job.Options.Undoes; undone != "" {
		return nil, 0, refusal.New(refusal.CodeNothingToFix,
			"This job takes another one back. The rows to correct are those of "+undone+".")
	}
	if job.Validated == nil {
		return nil, 0, rest.NotReady("The rows have not been checked", job)
	}
	return d.openRejects(ctx, job)
}

// openRejects opens the workbook of the rows that have to be corrected: the one that
// was made with the report, where it is kept, and otherwise one that it makes.
func (d Desk) openRejects(ctx context.Context, job *events.Job) (file *os.File, size int64, err error) {
	if job.Reported != nil && job.Reported.Rejects != nil && job.Removed(*job.Reported.Rejects) == nil {
		kept := *job.Reported.Rejects
		switch file, err := d.Store.Fetch(ctx, kept); {
		case err == nil:
			return file, kept.Size, nil
		case !errors.Is(err, events.ErrMissing) && !errors.Is(err, events.ErrAltered):
			return nil, 0, err
		}
		d.Logger.WarnContext(ctx, "kept workbook of rejects is missing or damaged; making it again", "job", job.ID)
	}
	needed := []events.Artifact{job.Validated.Rejects, job.Validated.Rows}
	if job.Persisted != nil {
		needed = append(needed, job.Persisted.Outcomes)
	}
	if err := rest.CheckKept(job, "What has to be corrected", needed...); err != nil {
		return nil, 0, err
	}
	if file, err = d.Store.OpenSpool(); err != nil {
		return nil, 0, err
	}
	if size, err = writeRejects(ctx, d.Store, job, file); err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, size, nil
}

// writeRejects makes the workbook in a file and returns to its beginning.
func writeRejects(ctx context.Context, store *events.Store, job *events.Job, file *os.File) (size int64, err error) {
	err = rejects.Write(ctx, store, job, file)
	if errors.Is(err, rejects.ErrNone) {
		return 0, refusal.New(refusal.CodeNothingToFix, "No row of this file has to be corrected.")
	}
	if err != nil {
		return 0, err
	}
	if size, err = file.Seek(0, io.SeekCurrent); err != nil {
		return 0, fmt.Errorf("make rejects: %w", err)
	}
	if _, err = file.Seek(0, io.SeekStart); err != nil {
		return 0, fmt.Errorf("make rejects: %w", err)
	}
	return size, nil
}
