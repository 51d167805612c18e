package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"rollcall.example/events"
)

// JobSummary is a line of the list of jobs.
type JobSummary struct {
	JobID     string        `json:"job_id"`
	Status    events.Status `json:"status"`
	FileName  string        `json:"file_name"`
	CreatedAt time.Time     `json:"created_at"`
	Progress  int           `json:"progress"` // percent

	// Of a job that failed. Attempts is nil where they are not known.
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
}

// JobsPerPage is how many jobs a page has, but the last.
const JobsPerPage = 20

// Jobs returns a page of the jobs that the user may see, newest first. The first page is
// 1. A status other than "" leaves out the jobs that have another.
func (c *Client) Jobs(ctx context.Context, page int, status events.Status) (list JobPage, err error) {
	query := url.Values{"page": {strconv.Itoa(page)}}
	if status != "" {
		query.Set("status", string(status))
	}
	err = c.Call(ctx, http.MethodGet, "/history?"+query.Encode(), &list)
	return list, err
}

// Steered is where a job stands after it was cancelled, retried or undone.
type Steered struct {
	// JobID is the job's own; of an undo, that of the job which undoes.
	JobID   string        `json:"job_id"`
	Status  events.Status `json:"status"`
	Message string        `json:"message"` // a sentence for the user
}

// Cancel stops a job.
func (c *Client) Cancel(ctx context.Context, jobID string) (Steered, error) {
	return c.steer(ctx, "cancel", jobID)
}

// Retry runs a failed or cancelled job again, from the stage at which it ended.
func (c *Client) Retry(ctx context.Context, jobID string) (Steered, error) {
	return c.steer(ctx, "retry", jobID)
}

// Undo takes back what a job has written to the database.
func (c *Client) Undo(ctx context.Context, jobID string) (Steered, error) {
	return c.steer(ctx, "undo", jobID)
}

func (c *Client) steer(ctx context.Context, verb, jobID string) (job Steered, err error) {
	err = c.Call(ctx, http.MethodPost, "/"+verb+"/"+url.PathEscape(jobID), &job)
	return job, err
}

// Download is what a finished job offers.
type Download string

const (
	// Report is the workbook with all rows and what became of them.
	Report Download = "report"
	// Rejects is the workbook of the rows to correct, which can be uploaded again.
	Rejects Download = "rejects"
)

// Save writes a download into a file, whole or not at all.
func (c *Client) Save(ctx context.Context, jobID string, what Download, file string) error {
	path := "/report/" + url.PathEscape(jobID) + "?part=" + string(what)
	resp, err := c.do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end or given up
	if resp.StatusCode != http.StatusOK {
		return refusedBy(resp)
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".report-*")
	if err != nil {
		return fmt.Errorf("save %s: %w", what, err)
	}
	_, err = io.Copy(tmp, resp.Body)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("save %s: %w", what, err), os.Remove(tmp.Name()))
	}
	return nil
}
