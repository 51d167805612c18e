package api

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
	"rollcall.example/services/rowhistory"
)

// stories are the handlers of what jobs have said of one person.
type stories struct{ *API }

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

// tell tells everything that jobs which the person may read have said of somebody. The
// number is in the body: addresses are logged by whatever passes them on.
func (s stories) tell(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
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
	end, err := s.downloads.begin(who.ID)
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel, explain := limitMaking(r)
	defer cancel()
	until := s.cfg.Now()
	if asked.AsOf != nil && asked.AsOf.Before(until) {
		until = *asked.AsOf
	}
	found, err := s.cfg.Rows.Find(ctx, s.cfg.Key, id, until, maxChapters)
	if err != nil {
		return nil, explain(err)
	}
	chapters := []chapter{}
	for _, naming := range found {
		job, err := s.cfg.Log.Load(ctx, naming.JobID)
		if errors.Is(err, events.ErrNotFound) {
			continue // its events are kept no longer
		}
		if err != nil {
			return nil, explain(err)
		}
		if who.MayOn(who.wants, &job) != nil {
			continue // nobody learns that it names the person
		}
		of, err := s.chaptersOf(ctx, &job, naming, id)
		if err != nil {
			return nil, explain(err)
		}
		chapters = append(chapters, of...)
	}
	chapters = chapters[:min(len(chapters), maxChapters)]
	hash := s.cfg.Key.Hash(id)
	read := events.Access{Person: hash, What: events.AccessStory, At: s.cfg.Now().UTC(), By: who.User,
		From: security.ClientAddress(r, s.cfg.TrustedProxies)}
	if err := recordReading(s.API, r, read); err != nil {
		return nil, err
	}
	s.cfg.Logger.InfoContext(r.Context(), "story read", "person", hash, "user", who.ID)
	return &result{message: fmt.Sprintf("%d rows.", len(chapters)), data: map[string]any{
		"id": events.MaskID(id), "as_of": until.UTC(), "chapters": chapters,
	}}, nil
}

// chaptersOf returns what the rows of a job say of a person.
func (s stories) chaptersOf(ctx context.Context, job *events.Job, naming rowhistory.Naming, id string) (
	list []chapter, err error) {
	rows, err := s.cfg.Rows.RowsOf(ctx, job, naming, id)
	if err != nil {
		return nil, err
	}
	for _, n := range rows[:min(len(rows), maxChapters)] {
		c := chapter{JobID: job.ID, FileName: job.FileName, UploadedBy: job.Owner.ID, UploadedAt: job.CreatedAt}
		if f := job.Approved; f != nil {
			c.ApprovedBy, c.ApprovedAt = f.By.ID, f.At
		}
		if c.Removed = job.Validated == nil || checkKept(job, "", job.Validated.Rows) != nil; !c.Removed {
			if c.Row, err = s.cfg.Rows.Read(ctx, job, n); err != nil {
				return nil, err
			}
		}
		list = append(list, c)
	}
	return list, nil
}
