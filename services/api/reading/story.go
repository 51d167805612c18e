package reading

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/events/security"
	"rollcall.example/events/spelling"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/rowhistory"
)

// maxChapters is how many rows a story has at most, the newest.
const maxChapters = 50

// chapter is what one row of a job has said of the person, and who let it.
type chapter struct {
	JobID      string              `json:"job_id"`
	FileName   string              `json:"file_name"`
	UploadedBy string              `json:"uploaded_by"`
	UploadedAt time.Time           `json:"uploaded_at"`
	ApprovedBy string              `json:"approved_by,omitempty"`
	ApprovedAt time.Time           `json:"approved_at,omitzero"`
	Row        *rowhistory.History `json:"row,omitempty"`
	// Removed says that what the row held is kept no longer.
	Removed bool `json:"removed,omitempty"`
}

// TellStory tells everything that jobs which the person may read have said of somebody. The
// number is in the body: addresses are logged by whatever passes them on.
func (d Desk) TellStory(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	var asked struct {
		ID   string     `json:"id_number"`
		AsOf *time.Time `json:"as_of"`
	}
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&asked); err != nil {
		return nil, refusal.New(refusal.CodeBadRequest, "The body must be JSON with id_number, and as_of for a past time.")
	}
	id := spelling.Read(asked.ID, false).Digits
	if len(id) != spelling.Length {
		return nil, refusal.New(refusal.CodeBadRequest, "id_number must be an ID number of 13 digits.")
	}
	end, err := d.Downloads.Begin(who.ID)
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel, explain := rest.LimitMaking(r)
	defer cancel()
	until := d.Now()
	if asked.AsOf != nil && asked.AsOf.Before(until) {
		until = *asked.AsOf
	}
	found, err := d.History.Find(ctx, d.Key, id, until, maxChapters)
	if err != nil {
		return nil, explain(err)
	}
	chapters := []chapter{}
	for _, naming := range found {
		job, err := d.Log.Load(ctx, naming.JobID)
		if errors.Is(err, events.ErrNotFound) {
			continue // its events are kept no longer
		}
		if err != nil {
			return nil, explain(err)
		}
		if who.MayOn(who.Wants, &job) != nil {
			continue // nobody learns that it names the person
		}
		of, err := d.chaptersOf(ctx, &job, naming, id)
		if err != nil {
			return nil, explain(err)
		}
		chapters = append(chapters, of...)
	}
	chapters = chapters[:min(len(chapters), maxChapters)]
	hash := d.Key.Hash(id)
	read := events.Access{Person: hash, What: events.AccessStory, At: d.Now().UTC(), By: who.User,
		From: security.ClientAddress(r, d.TrustedProxies)}
	if err := d.RecordReading(r, read); err != nil {
		return nil, err
	}
	d.Logger.InfoContext(r.Context(), "story read", "person", hash, "user", who.ID)
	return &rest.Result{Message: fmt.Sprintf("%d rows.", len(chapters)), Data: map[string]any{
		"id": events.MaskID(id), "as_of": until.UTC(), "chapters": chapters,
	}}, nil
}

// chaptersOf returns what the rows of a job say of a person.
func (d Desk) chaptersOf(ctx context.Context, job *events.Job, naming rowhistory.Naming, id string) (
	list []chapter, err error) {
	rows, err := d.History.RowsOf(ctx, job, naming, id)
	if err != nil {
		return nil, err
	}
	for _, n := range rows[:min(len(rows), maxChapters)] {
		c := chapter{JobID: job.ID, FileName: job.FileName, UploadedBy: job.Owner.ID, UploadedAt: job.CreatedAt}
		if f := job.Approved; f != nil {
			c.ApprovedBy, c.ApprovedAt = f.By.ID, f.At
		}
		if c.Removed = job.Validated == nil || rest.CheckKept(job, "", job.Validated.Rows) != nil; !c.Removed {
			if c.Row, err = d.History.Read(ctx, job, n); err != nil {
				return nil, err
			}
		}
		list = append(list, c)
	}
	return list, nil
}
