package chaos

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// parts is in how many a file is sent, each to the next replica.
const parts = 4

// uploadInParts uploads a file by the tus protocol. What has arrived when a process is
// killed or a line breaks is not sent again.
func (u *user) uploadInParts(ctx context.Context, f *file) (jobID string, err error) {
	path := "" // of the upload, once it has begun
	for try := 0; ctx.Err() == nil; try++ {
		jobID, err = u.part(ctx, u.uploads[try%len(u.uploads)], &path, f)
		var refused tusRefusal
		switch {
		case jobID != "":
			return jobID, nil
		case err == nil: // it goes on
			continue
		case errors.As(err, &refused) && refused < 500 && refused != http.StatusTooManyRequests && refused != http.StatusConflict:
			return "", err
		}
		u.again.Add(1)
		sleepUntil(ctx, time.Now().Add(tryAgainAfter))
	}
	return "", fmt.Errorf("%w, last %w", ctx.Err(), err)
}

// tusRefusal is the status of an answer that is no success.
type tusRefusal int

func (r tusRefusal) Error() string { return fmt.Sprintf("status %d", int(r)) }

// part begins an upload, or asks how much of it has arrived and sends the next part.
// The job is "" as long as that was not the last one.
func (u *user) part(ctx context.Context, replica string, path *string, f *file) (jobID string, err error) {
	if *path == "" {
		options := "filename " + base64.StdEncoding.EncodeToString([]byte(f.name))
		if f.dry {
			options += ",dry_run " + base64.StdEncoding.EncodeToString([]byte("true"))
		}
		answer, err := u.tus(ctx, http.MethodPost, replica+api+"/tus", nil, "Upload-Length", strconv.Itoa(len(f.bytes)), "Upload-Metadata", options)
		if err != nil {
			return "", err
		}
		at, err := url.Parse(answer.Get("Location"))
		if err == nil {
			*path = at.Path
		}
		return "", err
	}
	answer, err := u.tus(ctx, http.MethodHead, replica+*path, nil)
	if err != nil || answer.Get("Upload-Job") != "" {
		return answer.Get("Upload-Job"), err
	}
	offset, err := strconv.Atoi(answer.Get("Upload-Offset"))
	if err != nil {
		return "", err
	}
	end := min(offset+len(f.bytes)/parts+1, len(f.bytes))
	answer, err = u.tus(ctx, http.MethodPatch, replica+*path, &hesitant{r: bytes.NewReader(f.bytes[offset:end]), at: 1 + (end-offset)/parts},
		"Upload-Offset", strconv.Itoa(offset), "Content-Type", "application/offset+octet-stream")
	return answer.Get("Upload-Job"), err
}

func (u *user) tus(ctx context.Context, method, url string, body io.Reader, headers ...string) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+u.token)
	req.Header.Set("Tus-Resumable", "1.0.0")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close() // the headers say all
	if resp.StatusCode >= 300 {
		return nil, tusRefusal(resp.StatusCode)
	}
	return resp.Header, nil
}

// hesitant sends a part in pieces, so that what is killed is in the middle of it.
type hesitant struct {
	r  *bytes.Reader
	at int // bytes between two pauses
}

func (h *hesitant) Read(b []byte) (int, error) {
	if h.r.Size() != int64(h.r.Len()) {
		time.Sleep(30 * time.Millisecond)
	}
	return h.r.Read(b[:min(len(b), h.at)])
}
