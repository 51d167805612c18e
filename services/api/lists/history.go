package lists

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
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

// History lists jobs, newest first: the person's own, or for administrators all.
func (d Desk) History(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
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
	list, paging, err := d.list(r.Context(), filter)
	if err != nil {
		return nil, err
	}
	return &rest.Result{Message: fmt.Sprintf("%d jobs.", paging.Total), Data: map[string]any{
		"jobs": list, "total": paging.Total, "page": paging.Page, "page_size": paging.Limit, "pagination": paging,
	}}, nil
}

// filterOf reads what the query of a list of jobs asks for, but the status.
func filterOf(r *http.Request, who rest.Caller) (f jobs.Filter, err error) {
	f = jobs.Filter{Owner: who.VisibleOwner(), SearchOwners: who.SeesAll()}
	if f.Page, err = rest.NumberParameter(r, "page", 1, math.MaxInt32); err != nil {
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
		return f, rest.BadParameter("search", fmt.Sprintf("%%q must be a text of at most %d characters.", maxSearch))
	}
	f.Search = events.MaskIDs(text) // as it is in the names of files
	if f.From, err = rest.TimeParameter(r, "from", false); err != nil {
		return f, err
	}
	if f.To, err = rest.TimeParameter(r, "to", true); err != nil {
		return f, err
	}
	if !f.To.IsZero() && !f.From.Before(f.To) {
		return f, rest.BadParameter("to", "%q must not be before from.")
	}
	return f, nil
}

// sizeOf reads how many jobs a page has, which has two names.
func sizeOf(r *http.Request) (int, error) {
	query := r.URL.Query()
	if query.Has("limit") && query.Has("page_size") && query.Get("limit") != query.Get("page_size") {
		return 0, rest.BadParameter("limit", "%q and page_size mean the same. Give one of them.")
	}
	if query.Has("limit") {
		return rest.NumberParameter(r, "limit", defaultPage, maxPage)
	}
	return rest.NumberParameter(r, "page_size", defaultPage, maxPage)
}

// list returns a page of jobs as lists show them.
func (d Desk) list(ctx context.Context, f jobs.Filter) ([]listedJob, pagination, error) {
	found, err := d.Jobs.List(ctx, f)
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
		name := rest.WorkbookName(e.FileName, "report")
		shown.ReportFile = &name
	}
	return shown, nil
}
