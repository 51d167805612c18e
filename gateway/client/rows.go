package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"rollcall.example/events"
)

// RowQuery says which rows of a job are wanted. The zero value wants all.
type RowQuery struct {
	// Statuses and Codes want rows that have any of these, such as invalid or checksum.
	Statuses, Codes []string
	// Search is words of a name, or the last digits of an ID number, 7 at most.
	Search string
	// Cursor is RowPage.Next of the page before; "" begins.
	Cursor string
	// Limit is how many rows there are at most; 0 means 100 in a page, and all in a
	// stream. A page has 1000 at most.
	Limit int
}

// Row says what became of a row of the uploaded sheet.
type Row struct {
	Row int `json:"row"` // from 1
	// Status is the one of Statuses that says the most.
	Status   string   `json:"status"`
	Statuses []string `json:"statuses"`
	Codes    []string `json:"codes"`
	ID       string   `json:"id"` // its middle hidden
	Name     string   `json:"name"`
	// Outcome is what the database did; none where it did nothing.
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
}

// RowPage is a page of the rows of a job.
type RowPage struct {
	Status events.Status `json:"status"`
	// Complete says that what became of the rows is known. DryRun says that it was not
	// written.
	Complete bool `json:"complete"`
	DryRun   bool `json:"dry_run"`
	// Total counts all rows of the job, and Counts those that have a status.
	Total  int            `json:"total"`
	Counts map[string]int `json:"counts"`
	Rows   []Row          `json:"rows"`
	// Next is the cursor of the next page; "" after the last one.
	Next string `json:"next_cursor"`
}

// RowFormat is the form of a stream of rows: a media type.
type RowFormat string

// The forms of a stream of rows.
const (
	RowsCSV    RowFormat = "text/csv"
	RowsNDJSON RowFormat = "application/x-ndjson"
)

func (q RowQuery) path(jobID string) string {
	values := url.Values{}
	for name, value := range map[string]string{
		"status": strings.Join(q.Statuses, ","), "code": strings.Join(q.Codes, ","), "q": q.Search, "cursor": q.Cursor,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Limit > 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	return "/jobs/" + url.PathEscape(jobID) + "/rows?" + values.Encode()
}

// Rows returns a page of the rows of a job. While the job runs it has what is known so
// far. The error is a *StatusError when there is nothing to list yet (not_ready), and when
// the job was retried since the cursor was given (cursor_outdated).
func (c *Client) Rows(ctx context.Context, jobID string, q RowQuery) (page RowPage, err error) {
	err = c.Call(ctx, http.MethodGet, q.path(jobID), &page)
	return page, err
}

// WriteRows writes the rows of a job to w as they come. After an error w may have a part
// of them.
func (c *Client) WriteRows(ctx context.Context, jobID string, q RowQuery, as RowFormat, w io.Writer) error {
	resp, err := c.do(ctx, http.MethodGet, q.path(jobID), nil, http.Header{"Accept": {string(as)}})
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // fails only after an earlier error
	if resp.StatusCode != http.StatusOK {
		return readRefusal(resp)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}
