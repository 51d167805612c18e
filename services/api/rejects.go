package api

import (
	"errors"
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/rejects"
)

// sendRejects sends the rows that have to be corrected, from the moment on when
// the rows have been checked.
func (a *API) sendRejects(w http.ResponseWriter, r *http.Request, job *events.Job, who caller) error {
	if undone := job.Options.Undoes; undone != "" {
		return refusal.New(refusal.CodeNothingToFix,
			"This job takes another one back. The rows to correct are those of "+undone+".")
	}
	if job.Validated == nil {
		return notReady("The rows have not been checked", job)
	}
	needed := []events.Artifact{job.Validated.Rejects, job.Validated.Rows}
	if job.Persisted != nil {
		needed = append(needed, job.Persisted.Outcomes)
	}
	if err := checkKept(job, "What has to be corrected", needed...); err != nil {
		return err
	}
	book, err := rejects.Workbook(r.Context(), a.cfg.Store, job)
	if errors.Is(err, rejects.ErrNone) {
		return refusal.New(refusal.CodeNothingToFix, "No row of this file has to be corrected.")
	}
	if err != nil {
		return explainDamage(err)
	}
	if err := a.recordAccess(r, who, job.ID, events.AccessRejects, 0); err != nil {
		return err
	}
	a.cfg.Logger.InfoContext(r.Context(), "rejects read", "job", job.ID, "user", who.ID)
	a.sendWorkbook(w, r, workbookName(job, "to fix"), int64(book.Len()), book)
	return nil
}
