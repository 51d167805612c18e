package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// resumeTries is after how many failures in a row, without a byte more having
// arrived, an upload is given up; it can be gone on with by the same command.
const resumeTries = 10

// resumable is an upload by the tus protocol: what has arrived is not sent again,
// neither after the line broke nor by another process.
type resumable struct {
	serverSettings
	file *os.File
	size int64
	// note is the file that says where at the server the upload is.
	note string
	wait func(try int) time.Duration
}

// uploadResumed uploads a file and returns the job's id. Where the upload is, is noted
// in the user's cache, by what is uploaded and where to.
func (s serverSettings) uploadResumed(ctx context.Context, path string, fields map[string]string) (jobID string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // only read from
	sum := sha256.New()
	size, err := io.Copy(sum, file)
	if err != nil {
		return "", err
	}
	meta := []string{"filename " + base64.StdEncoding.EncodeToString([]byte(filepath.Base(path)))}
	for name, value := range fields {
		meta = append(meta, name+" "+base64.StdEncoding.EncodeToString([]byte(value)))
	}
	slices.Sort(meta)
	header := strings.Join(meta, ",")
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("resume upload: %w", err)
	}
	dir := filepath.Join(cache, "rollcall", "uploads")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("resume upload: %w", err)
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s %x %s", s.Server, sum.Sum(nil), header))
	u := &resumable{serverSettings: s, file: file, size: size, note: filepath.Join(dir, hex.EncodeToString(key[:])),
		wait: func(try int) time.Duration { return min(time.Second<<try, 30*time.Second) }}
	return u.send(ctx, header)
}

// send goes on with the upload that is noted, or begins one, until all has arrived.
func (u *resumable) send(ctx context.Context, meta string) (jobID string, err error) {
	var arrived int64
	for try := 0; ; try++ {
		jobID, offset, err := u.attempt(ctx, meta)
		var refused *apiError
		switch {
		case err == nil:
			return jobID, removed(u.note)
		case errors.As(err, &refused) && refused.Status < 500 && refused.Status != http.StatusTooManyRequests && refused.Status != http.StatusConflict:
			return "", errors.Join(err, removed(u.note))
		case ctx.Err() != nil, try == resumeTries:
			return "", fmt.Errorf("upload: %d of %d bytes have arrived, the same command goes on from there: %w", offset, u.size, err)
		}
		if offset > arrived { // the line carries something: at once
			arrived, try = offset, 0
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(u.wait(try)):
		}
	}
}

func removed(file string) error {
	if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// attempt asks how much has arrived and sends the rest. Offset is how much had.
func (u *resumable) attempt(ctx context.Context, meta string) (jobID string, offset int64, err error) {
	path, err := u.noted()
	if err != nil {
		return "", 0, err
	}
	if path != "" {
		resp, err := u.request(ctx, http.MethodHead, path, nil)
		if err != nil {
			return "", 0, err
		}
		switch resp.StatusCode {
		case http.StatusOK:
			if offset, err = strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64); err != nil {
				return "", 0, fmt.Errorf("resume upload: %w", err)
			}
			if offset == u.size {
				return resp.Header.Get("Upload-Job"), offset, nil
			}
		case http.StatusNotFound: // forgotten since
			path = ""
		default:
			return "", 0, &apiError{Status: resp.StatusCode, Code: http.StatusText(resp.StatusCode), Message: "The upload cannot be gone on with"}
		}
	}
	if path == "" {
		resp, err := u.request(ctx, http.MethodPost, "/tus", nil, "Upload-Length", strconv.FormatInt(u.size, 10), "Upload-Metadata", meta)
		if err == nil {
			err = accepted2xx(resp)
		}
		if err != nil {
			return "", 0, err
		}
		path = strings.TrimPrefix(resp.Header.Get("Location"), apiBase)
		if err := os.WriteFile(u.note, []byte(path+"\n"), 0o600); err != nil {
			return "", 0, fmt.Errorf("resume upload: %w", err)
		}
	}
	rest := io.NewSectionReader(u.file, offset, u.size-offset)
	resp, err := u.request(ctx, http.MethodPatch, path, rest, "Upload-Offset", strconv.FormatInt(offset, 10))
	if err == nil {
		err = accepted2xx(resp)
	}
	if err != nil {
		return "", offset, err
	}
	if jobID = resp.Header.Get("Upload-Job"); jobID == "" {
		return "", offset, errors.New("resume upload: the server names no job")
	}
	return jobID, u.size, nil
}

// noted is where the upload is, as a path below the API's, "" when nothing is noted.
func (u *resumable) noted() (string, error) {
	text, err := os.ReadFile(u.note)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("resume upload: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func (u *resumable) request(ctx context.Context, method, path string, body io.Reader, headers ...string) (*http.Response, error) {
	contentType := ""
	if body != nil {
		contentType = "application/offset+octet-stream"
	}
	headers = append(headers, "Tus-Resumable", "1.0.0")
	resp, err := u.do(ctx, method, path, body, contentType, headers...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // in memory by then
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	resp.Body = io.NopCloser(strings.NewReader(string(text)))
	return resp, nil
}

// accepted2xx is the server's refusal as an error, nil for a success.
func accepted2xx(resp *http.Response) error {
	if resp.StatusCode < 300 {
		return nil
	}
	refused := &apiError{Status: resp.StatusCode, Code: http.StatusText(resp.StatusCode)}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var a answer
	if json.Unmarshal(text, &a) == nil {
		refused.Code, refused.Message = a.Error.Code, a.Message
	} else { // the protocol's own refusals are plain text
		refused.Message = strings.TrimSpace(string(text))
	}
	return refused
}
