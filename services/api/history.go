package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/jobs"
)

const (
	defaultPage = 20
	maxPage     = 100
	// maxSearch is how many characters may be searched for.
	maxSearch = 200
)

// listedJob is a job of a list, with the names that other systems have for parts of it.
type listedJob struct {
	jobs.Entry
	// Validation and Database are those of the statistics; null is none yet.
	Validation json.RawMessage `json:"validation_stats"`
	Database   json.RawMessage `json:"database_stats"`
	UploadedBy string          `json:"uploaded_by"`
	UploadedAt time.Time       `json:"uploaded_at"`
	// ReportFile is what the report is called when it is downloaded; nil before there
	// is one.
	ReportFile *string `json:"report_filename"`
}

// pagination tells which page of how many a list is.
type pagination struct {
	Page  int `json:"page"`
	Limit int `json:"limit"`
	Total int `json:"total_count"`
	Pages int `json:"total_pages"`
	// Next asks for the next page, which begins where this one ends, whatever has come
	// since; nil on the last page.
	Next *string `json:"next_cursor"`
}

// lists are the handlers of what is listed and counted.
type lists struct{ *API }

// history lists jobs, newest first: the person's own, or for administrators all.
func (s lists) history(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	filter, err := filterOf(r, who)
	if err != nil {
		return nil, err
	}
	if status := events.Status(r.URL.Query().Get("status")); status != "" {
		if !slices.Contains(events.Statuses, status) {
			return nil, refusal.New(refusal.CodeBadRequest, "status must be one of pending, processing, paused, "+
				"awaiting_approval, completed, failed, cancelled and declined.")
		}
		filter.Statuses = []events.Status{status}
	}
	list, paging, err := s.list(r.Context(), filter)
	if err != nil {
		return nil, err
	}
	return &result{message: fmt.Sprintf("%d jobs.", paging.Total), data: map[string]any{
		"jobs": list, "total": paging.Total, "page": paging.Page, "page_size": paging.Limit, "pagination": paging,
	}}, nil
}

// filterOf reads what the query of a list of jobs asks for, but the status.
func filterOf(r *http.Request, who caller) (f jobs.Filter, err error) {
	f = jobs.Filter{Owner: visibleOwner(who), SearchOwners: who.SeesAll()}
	if f.Page, err = numberParameter(r, "page", 1, math.MaxInt32); err != nil {
		return f, err
	}
	if err := readCursor(r, &f); err != nil {
		return f, err
	}
	if f.Size, err = sizeOf(r); err != nil {
		return f, err
	}
	text := strings.TrimSpace(r.URL.Query().Get("search"))
	if utf8.RuneCountInString(text) > maxSearch {
		return f, badParameter("search", fmt.Sprintf("%%q must be a text of at most %d characters.", maxSearch))
	}
	f.Search = events.MaskIDs(text) // as it is in the names of files
	if f.From, err = timeParameter(r, "from", false); err != nil {
		return f, err
	}
	if f.To, err = timeParameter(r, "to", true); err != nil {
		return f, err
	}
	if !f.To.IsZero() && !f.From.Before(f.To) {
		return f, badParameter("to", "%q must not be before from.")
	}
	return f, nil
}

// sizeOf reads how many jobs a page has, which has two names.
func sizeOf(r *http.Request) (int, error) {
	query := r.URL.Query()
	if query.Has("limit") && query.Has("page_size") && query.Get("limit") != query.Get("page_size") {
		return 0, badParameter("limit", "%q and page_size mean the same. Give one of them.")
	}
	if query.Has("limit") {
		return numberParameter(r, "limit", defaultPage, maxPage)
	}
	return numberParameter(r, "page_size", defaultPage, maxPage)
}

// timeParameter reads a time of the query, the zero time where there is none. A day is
// one of South Africa; end makes it the beginning of the next one.
func timeParameter(r *http.Request, name string, end bool) (time.Time, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, events.SouthAfrica); err == nil {
		if end {
			day = day.AddDate(0, 0, 1)
		}
		return day, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, badParameter(name, "%q must be a day such as 2026-03-01, or a time such as 2026-03-01T08:00:00Z.")
	}
	at = at.Round(time.Microsecond) // as the table has times
	if end {                        // that time included
		at = at.Add(time.Microsecond)
	}
	return at, nil
}

// list returns a page of jobs as lists show them.
func (s lists) list(ctx context.Context, f jobs.Filter) ([]listedJob, pagination, error) {
	found, err := s.cfg.Jobs.List(ctx, f)
	if err != nil {
		return nil, pagination{}, err
	}
	page := make([]listedJob, len(found.Entries))
	for i, e := range found.Entries {
		if page[i], err = listedOf(e); err != nil {
			return nil, pagination{}, err
		}
	}
	return page, pagination{Page: f.Page, Limit: f.Size, Total: found.Total,
		Pages: (found.Total + f.Size - 1) / f.Size, Next: cursorOf(f.Page+1, found.Next)}, nil
}

// listedOf returns a job as lists show it.
func listedOf(e jobs.Entry) (listedJob, error) {
	var stats struct {
		Validation json.RawMessage `json:"validation_stats"`
		Database   json.RawMessage `json:"database_stats"`
	}
	if err := json.Unmarshal(e.Stats, &stats); err != nil {
		return listedJob{}, fmt.Errorf("list jobs: %w", err)
	}
	shown := listedJob{Entry: e, Validation: stats.Validation, Database: stats.Database,
		UploadedBy: e.OwnerID, UploadedAt: e.CreatedAt}
	if e.Status == events.StatusCompleted {
		name := workbookName(e.FileName, "report")
		shown.ReportFile = &name
	}
	return shown, nil
}

// visibleOwner is whose jobs a person sees, "" for all.
func visibleOwner(who caller) string {
	if who.SeesAll() {
		return ""
	}
	return who.ID
}

// numberParameter returns a number of the query from 1 to most, or otherwise where
// there is none.
func numberParameter(r *http.Request, name string, otherwise, most int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, refusal.New(refusal.CodeBadRequest, fmt.Sprintf("%s must be a number from 1 to %d.", name, most))
	}
	return n, nil
}
