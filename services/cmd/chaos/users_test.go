package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"sync/atomic"
	"time"

	"rollcall.example/gateway/client"
)

const api = "/api/v1/bulk-upload"

// user uploads files and follows jobs, however often that has to be tried again.
type user struct {
	token    string
	uploads  []string // addresses of the replicas of upload
	gateways []string // and of the gateway
	// refused counts what was not answered, or with a word to come again.
	refused atomic.Int64
	// again counts parts of uploads that were not stored, or not answered.
	again atomic.Int64
	// connections counts those that following took.
	connections atomic.Int64
}

const tryAgainAfter = 100 * time.Millisecond

// upload sends a file as a form and returns the job that it became.
func (u *user) upload(ctx context.Context, f *file) (jobID string, err error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if f.dry {
		if err := form.WriteField("dry_run", "true"); err != nil {
			return "", err
		}
	}
	part, err := form.CreateFormFile("file", f.name)
	if err != nil {
		return "", err
	}
	if _, err := part.Write(f.bytes); err != nil {
		return "", err
	}
	if err := form.Close(); err != nil {
		return "", err
	}
	var data struct {
		JobID string `json:"job_id"`
	}
	// With a key, what was accepted and not answered is no second job.
	err = u.post(ctx, "/process", form.FormDataContentType(), f.name, body.Bytes(), &data)
	return data.JobID, err
}

func (u *user) retry(ctx context.Context, jobID string) error {
	return u.post(ctx, "/retry/"+jobID, "", "", nil, nil)
}

// post asks one replica after the other until one has answered what no repeating mends.
func (u *user) post(ctx context.Context, path, contentType, key string, body []byte, into any) error {
	for try := 0; ; try++ {
		status, answer, err := u.postOnce(ctx, u.uploads[try%len(u.uploads)]+api+path, contentType, key, body)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("post %s: %w, last %d, %v", path, ctx.Err(), status, err)
		case err == nil && status == http.StatusAccepted:
			if into == nil {
				return nil
			}
			return json.Unmarshal(answer, into)
		case err == nil && status < 500 && status != http.StatusTooManyRequests:
			return fmt.Errorf("post %s: status %d", path, status)
		}
		u.refused.Add(1)
		select {
		case <-ctx.Done():
		case <-time.After(tryAgainAfter):
		}
	}
}

func (u *user) postOnce(ctx context.Context, url, contentType, key string, body []byte) (status int, data json.RawMessage, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+u.token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end or given up
	var answer struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, nil, err
	}
	return resp.StatusCode, answer.Data, nil
}

// follow returns the sequences of the facts that a client of one gateway was
// shown of a job, from the first to the end.
func (u *user) follow(ctx context.Context, jobID, gateway string) (seen []uint64, err error) {
	c, err := client.New(client.Config{
		URL: gateway, Attempts: -1, Stay: true,
		Backoff:     func(int) time.Duration { return tryAgainAfter },
		TokenSource: func(context.Context) (string, error) { u.connections.Add(1); return u.token, nil },
	})
	if err != nil {
		return nil, err
	}
	for f, err := range c.Watch(ctx, jobID, 0) {
		if err != nil {
			return seen, err
		}
		if f.Seq > 0 {
			seen = append(seen, f.Seq)
		}
	}
	return seen, ctx.Err()
}
