package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const apiBase = "/api/v1/bulk-upload"

// serverSettings say which server a client command talks to, and as whom.
type serverSettings struct {
	Server string `default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server."`
	Token  string `placeholder:"JWT" help:"Your token."`

	// key is the Idempotency-Key of uploads, "" for none.
	key string
}

// apiError is the server's refusal.
type apiError struct {
	Status  int
	Code    string
	Message string
}

func (e *apiError) Error() string { return fmt.Sprintf("%s (%s)", e.Message, e.Code) }

type answer struct {
	Success bool            `json:"success"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
	Error   struct {
		Code string `json:"code"`
	} `json:"error"`
}

// call makes a request and decodes the answer's data into out, unless nil.
func (s serverSettings) call(ctx context.Context, method, path string, body io.Reader, contentType string, out any) error {
	resp, err := s.do(ctx, method, path, body, contentType)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end or given up
	var a answer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return fmt.Errorf("%s %s: %s: answer is not rollcall's: %w", method, path, resp.Status, err)
	}
	if !a.Success {
		return &apiError{Status: resp.StatusCode, Code: a.Error.Code, Message: a.Message}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(a.Data, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// do makes a request, with headers in turn.
func (s serverSettings) do(ctx context.Context, method, path string, body io.Reader, contentType string, headers ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.Server, "/")+apiBase+path, body)
	if err != nil {
		return nil, err
	}
	if s.Token == "" {
		return nil, errors.New("no token: give --token or ROLLCALL_TOKEN; rollcall token prints one")
	}
	req.Header.Set("Authorization", "Bearer "+s.Token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if s.key != "" {
		req.Header.Set("Idempotency-Key", s.key)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if rest, ok := body.(*io.SectionReader); ok {
		req.ContentLength = rest.Size()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return resp, nil
}

// upload streams a file and returns the job's id.
func (s serverSettings) upload(ctx context.Context, file string, fields map[string]string) (jobID string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read from
	pr, pw := io.Pipe()
	form := multipart.NewWriter(pw)
	go func() { pw.CloseWithError(writeForm(form, f, fields)) }()
	defer func() { _ = pr.Close() }() // ends the writer when the server answered early
	var data struct {
		JobID string `json:"job_id"`
	}
	err = s.call(ctx, http.MethodPost, "/process", pr, form.FormDataContentType(), &data)
	return data.JobID, err
}

func writeForm(form *multipart.Writer, f *os.File, fields map[string]string) error {
	for k, v := range fields {
		if err := form.WriteField(k, v); err != nil {
			return err
		}
	}
	part, err := form.CreateFormFile("file", filepath.Base(f.Name()))
	if err != nil {
		return err
	}
	if _, err := io.Copy(part, f); err != nil {
		return err
	}
	return form.Close()
}

// report downloads the report of a job into a file, whole or not at all.
func (s serverSettings) report(ctx context.Context, jobID, part, file string) error {
	resp, err := s.do(ctx, http.MethodGet, "/report/"+url.PathEscape(jobID)+"?part="+part, nil, "")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end or given up
	if resp.StatusCode != http.StatusOK {
		var a answer
		if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
			return fmt.Errorf("report: %s", resp.Status)
		}
		return &apiError{Status: resp.StatusCode, Code: a.Error.Code, Message: a.Message}
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".report-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(tmp, resp.Body)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("report: %w", err), os.Remove(tmp.Name()))
	}
	return nil
}

// jobRow is a line of the history.
type jobRow struct {
	JobID     string    `json:"job_id"`
	Status    string    `json:"status"`
	FileName  string    `json:"file_name"`
	CreatedAt time.Time `json:"created_at"`
	Progress  int       `json:"progress"`
	// Of a job that failed; Attempts is nil where they are not known.
	Stage    string `json:"failed_stage"`
	Attempts *int   `json:"failed_attempts"`
	Code     string `json:"error_code"`
	Error    string `json:"error_message"`
}

func (j *jobRow) attempts() string {
	if j.Attempts == nil {
		return "?"
	}
	return strconv.Itoa(*j.Attempts)
}
