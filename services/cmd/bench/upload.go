package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"rollcall.example/gateway/client"
)

// server is a running rollcall and a user's token for it.
type server struct {
	*process
	token string
}

// job uploads a roll and follows it until it is reported. The time is that from
// the beginning of the POST to the frame that says so.
func (s *server) job(ctx context.Context, roll string, dryRun bool) (time.Duration, error) {
	begin := time.Now()
	id, err := s.post(ctx, roll, dryRun)
	if err != nil {
		return 0, fmt.Errorf("upload %s: %w", filepath.Base(roll), err)
	}
	c, err := client.New(client.Config{URL: s.url, Token: s.token})
	if err != nil {
		return 0, err
	}
	var stages strings.Builder // how long each stage took, for whoever looks on
	last := begin
	for frame, err := range c.Watch(ctx, id, 0) {
		if err != nil {
			return 0, fmt.Errorf("watch %s: %w", filepath.Base(roll), err)
		}
		switch frame.Event {
		case client.EventComplete:
			fmt.Fprintf(os.Stderr, "%s: %s report %s\n", filepath.Base(roll), stages.String(), seconds(time.Since(last)))
			return time.Since(begin), s.complete(frame)
		case client.EventFailed:
			failed, err := frame.Failed()
			return 0, errors.Join(fmt.Errorf("%s failed: %s", filepath.Base(roll), failed.Error), err)
		}
		if frame.Seq > 0 {
			p, err := frame.Progress()
			if err != nil {
				return 0, err
			}
			fmt.Fprintf(&stages, "%s %s, ", p.Stage, seconds(time.Since(last)))
			last = time.Now()
		}
	}
	return 0, fmt.Errorf("watch %s: %w", filepath.Base(roll), context.Cause(ctx))
}

// complete makes sure that the job did what is measured.
func (s *server) complete(frame client.Frame) error {
	done, err := frame.Complete()
	if err != nil {
		return err
	}
	if v := done.Validation; v.TotalRecords != v.ValidRecords || v.ValidRecords == 0 || done.Database.Errors > 0 {
		return fmt.Errorf("of %d rows %d are valid, %d were refused", v.TotalRecords, v.ValidRecords, done.Database.Errors)
	}
	return nil
}

func (s *server) post(ctx context.Context, roll string, dryRun bool) (id string, err error) {
	f, err := os.Open(roll)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	body, w := io.Pipe()
	defer func() { _ = body.Close() }() // ends the writer when the server answered early
	form := multipart.NewWriter(w)
	go func() { w.CloseWithError(writeForm(form, f, dryRun)) }()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/v1/bulk-upload/process", body)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", form.FormDataContentType())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	var answer struct {
		Message string `json:"message"`
		Data    struct {
			JobID string `json:"job_id"`
		} `json:"data"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("%s: %w", resp.Status, err)
	}
	if resp.StatusCode != http.StatusAccepted {
		return "", fmt.Errorf("%s: %s", resp.Status, answer.Message)
	}
	return answer.Data.JobID, nil
}

func writeForm(form *multipart.Writer, f *os.File, dryRun bool) error {
	if err := form.WriteField("dry_run", strconv.FormatBool(dryRun)); err != nil {
		return err
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
