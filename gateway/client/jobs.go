package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"rollcall.example/events"
)

// JobSummary is a line of the list of jobs.
type JobSummary struct {
	JobID     string        `json:"job_id"`
	Status    events.Status `json:"status"`
	FileName  string        `json:"file_name"`
	CreatedAt time.Time     `json:"created_at"`
	Uploader  string        `json:"uploaded_by"`
	Progress  int           `json:"progress"` // percent

	// These are of a failed job. Attempts is nil if unknown.
	Stage    events.Stage `json:"failed_stage"`
	Attempts *int         `json:"failed_attempts"`
	Code     string       `json:"error_code"`
	Error    string       `json:"error_message"` // a sentence for the user
}

// JobPage is a page of the list of jobs.
type JobPage struct {
	Jobs []JobSummary `json:"jobs"`
	// Total counts the jobs of all pages.
	Total int `json:"total"`
	// Next is the cursor of the next page; "" on the last one.
	Next string `json:"-"`
}

// JobQuery says which jobs are wanted, of those that the user may see. The zero value
// wants the first page of all.
type JobQuery struct {
	// Status wants jobs with this status; "" wants all.
	Status events.Status
	// Search is a part of a file's name, the beginning of a job's id or, for those who see
	// the jobs of others, an uploader.
	Search string
	// From and To want jobs uploaded between them, both included: days of South Africa
	// such as 2026-03-01, or times by RFC 3339. "" is no bound.
	From, To string
	// Page counts from 1; 0 means 1. Cursor is JobPage.Next of the page before, and goes
	// before Page: it misses none and has none twice, whatever has been uploaded since.
	Page   int
	Cursor string
	// Limit is how many jobs a page has; 0 means JobsPerPage. It is 100 at most.
	Limit int
}

func (q JobQuery) values() url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"status": string(q.Status), "search": q.Search, "from": q.From, "to": q.To, "cursor": q.Cursor,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Page > 0 && q.Cursor == "" {
		values.Set("page", strconv.Itoa(q.Page))
	}
	if q.Limit > 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	return values
}

// JobsPerPage is how many jobs each page but the last has.
const JobsPerPage = 20

// Jobs returns a page of the jobs that a query wants, newest first.
func (c *Client) Jobs(ctx context.Context, q JobQuery) (JobPage, error) {
	var list struct {
		JobPage
		Pagination struct {
			Next *string `json:"next_cursor"`
		} `json:"pagination"`
	}
	err := c.Call(ctx, http.MethodGet, "/history?"+q.values().Encode(), &list)
	if list.Pagination.Next != nil {
		list.Next = *list.Pagination.Next
	}
	return list.JobPage, err
}

// JobState is the state of a job after something was asked of it.
type JobState struct {
	// JobID is the id of the job; for Undo, Commit and Complete, of the job that begins.
	JobID   string        `json:"job_id"`
	Status  events.Status `json:"status"`
	Message string        `json:"message"` // a sentence for the user
}

// Cancel stops a job.
func (c *Client) Cancel(ctx context.Context, jobID string) (JobState, error) {
	return steer(ctx, c, "cancel", jobID)
}

// Retry runs a failed or cancelled job again, from the stage at which it ended.
func (c *Client) Retry(ctx context.Context, jobID string) (JobState, error) {
	return steer(ctx, c, "retry", jobID)
}

// Undo starts a job that takes back what this one has written to the database.
func (c *Client) Undo(ctx context.Context, jobID string) (JobState, error) {
	return steer(ctx, c, "undo", jobID)
}

// Approve lets a job write what it proposed. Reason may be "".
func (c *Client) Approve(ctx context.Context, jobID, reason string) (JobState, error) {
	return decide(ctx, c, "approve", jobID, reason)
}

// Decline ends a job that waits for approval. The uploader reads the reason.
func (c *Client) Decline(ctx context.Context, jobID, reason string) (JobState, error) {
	return decide(ctx, c, "decline", jobID, reason)
}

// Commit starts a job that writes what this one, a dry run, has shown; the same one
// each time.
func (c *Client) Commit(ctx context.Context, jobID string) (JobState, error) {
	return steer(ctx, c, "commit", jobID)
}

// Complete starts a job that writes the rows of this one that wait for somebody
// with a larger area.
func (c *Client) Complete(ctx context.Context, jobID string) (JobState, error) {
	return steer(ctx, c, "complete", jobID)
}

func decide(ctx context.Context, c *Client, verb, jobID, reason string) (job JobState, err error) {
	body, err := json.Marshal(map[string]string{"reason": reason})
	if err != nil {
		return job, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	err = c.call(ctx, http.MethodPost, "/"+verb+"/"+url.PathEscape(jobID), bytes.NewReader(body), header, &job)
	return job, err
}

func steer(ctx context.Context, c *Client, verb, jobID string) (job JobState, err error) {
	err = c.Call(ctx, http.MethodPost, "/"+verb+"/"+url.PathEscape(jobID), &job)
	return job, err
}

// Download names a file that a finished job offers.
type Download string

const (
	// Report is the workbook with all rows and their results.
	Report Download = "report"
	// Rejects is a workbook of the rows to correct and upload again.
	Rejects Download = "rejects"
	// Summary is a PDF of two pages with the totals of the report.
	Summary Download = "summary"
)

// asCSV begins the name of a download that is a text of comma-separated values.
const asCSV = "csv:"

// Sheet is one sheet of the report as a text of comma-separated values, by its name in
// small letters with _ between words: invalid_ids. Sheet("rejects") is the rows to correct.
func Sheet(name string) Download { return Download(asCSV + name) }

// query returns the query that asks for the download.
func (d Download) query() string {
	if sheet, ok := strings.CutPrefix(string(d), asCSV); ok {
		return "?part=" + url.QueryEscape(sheet) + "&format=csv"
	}
	if d == Summary {
		return "?format=pdf"
	}
	return "?part=" + url.QueryEscape(string(d))
}

// Save writes a download to a file, completely or not at all.
func (c *Client) Save(ctx context.Context, jobID string, what Download, file string) error {
	return SavePath(ctx, c, "/report/"+url.PathEscape(jobID)+what.query(), file)
}

// SavePath writes what is found at a path of the API to a file, completely or not at all.
func SavePath(ctx context.Context, c *Client, path, file string) error {
	resp, err := c.do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // fails only after an earlier error
	if resp.StatusCode != http.StatusOK {
		return readRefusal(resp)
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".report-*")
	if err != nil {
		return fmt.Errorf("save %s: %w", filepath.Base(file), err)
	}
	_, err = io.Copy(tmp, resp.Body)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("save %s: %w", filepath.Base(file), err), os.Remove(tmp.Name()))
	}
	return nil
}
