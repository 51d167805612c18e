package client

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
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

// PartOptions say how a file is sent in parts.
type PartOptions struct {
	// MaxPart is how many bytes one request carries at most; 0 means all that have not
	// arrived yet.
	MaxPart int64
	// Notes is a folder for notes about unfinished uploads. With one, another process
	// that uploads the same file to the same server goes on where this one stopped. ""
	// writes no notes.
	Notes string
}

// UploadInParts uploads a file by the tus protocol, for weak connections: what has arrived
// is not sent again. It returns the id of the new job. Backoff and Attempts of Config say
// when it tries again; the count starts over whenever more has arrived. A refusal that
// another attempt would meet again ends it at once.
func (c *Client) UploadInParts(
	ctx context.Context, name string, file io.ReaderAt, size int64, o UploadOptions, p PartOptions,
) (jobID string, err error) {
	u := &partUpload{Client: c, file: file, size: size, maxPart: p.MaxPart, metadata: metadata(name, o)}
	if p.Notes != "" {
		if u.note, err = openNote(c.cfg.URL, file, size, u.metadata, p.Notes); err != nil {
			return "", fmt.Errorf("upload in parts: %w", err)
		}
	}
	if u.path, err = u.note.read(); err != nil {
		return "", fmt.Errorf("upload in parts: %w", err)
	}
	return u.send(ctx)
}

// metadata returns the value of the header Upload-Metadata.
func metadata(name string, o UploadOptions) string {
	var pairs []string
	add := func(key, value string) {
		pairs = append(pairs, key+" "+base64.StdEncoding.EncodeToString([]byte(value)))
	}
	add("filename", name)
	for key, value := range o.fields() {
		add(key, value)
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}

// partUpload is one upload by the tus protocol.
type partUpload struct {
	*Client
	file     io.ReaderAt
	size     int64
	maxPart  int64
	metadata string
	note     note
	// path is the path of the upload below that of the API, "" until it has begun.
	path string
}

// partBackoff waits longer than connectBackoff: a weak connection may be down for minutes.
func partBackoff(attempt int) time.Duration {
	return min(time.Second<<min(attempt-1, 5), 30*time.Second)
}

// send begins the upload or goes on with it, until all has arrived.
func (u *partUpload) send(ctx context.Context) (jobID string, err error) {
	var most int64 // that has arrived so far
	for failures := 1; ; failures++ {
		jobID, arrived, err := u.attempt(ctx)
		switch {
		case err == nil:
			return jobID, u.note.remove()
		case isRefusedForGood(err):
			return "", errors.Join(err, u.note.remove())
		case ctx.Err() != nil, u.cfg.outOfAttempts(failures):
			return "", fmt.Errorf("upload in parts: %d of %d bytes have arrived: %w", arrived, u.size, err)
		case arrived > most: // the connection works, so no wait
			most, failures = arrived, 0
			continue
		}
		u.cfg.wait(ctx, failures, partBackoff)
	}
}

// isRefusedForGood reports whether another attempt would be refused too.
func isRefusedForGood(err error) bool {
	e, ok := errors.AsType[*StatusError](err)
	return ok && e.Status < 500 && e.Status != http.StatusTooManyRequests && e.Status != http.StatusConflict
}

// attempt asks how much has arrived and sends the rest.
func (u *partUpload) attempt(ctx context.Context) (jobID string, arrived int64, err error) {
	if u.path != "" {
		if jobID, arrived, err = u.locate(ctx); err != nil || jobID != "" {
			return jobID, arrived, err
		}
	}
	if u.path == "" {
		if err := u.begin(ctx); err != nil {
			return "", 0, err
		}
	}
	for {
		end := u.size
		if u.maxPart > 0 {
			end = min(end, arrived+u.maxPart)
		}
		resp, err := u.request(ctx, http.MethodPatch, u.path, io.NewSectionReader(u.file, arrived, end-arrived),
			"Upload-Offset", strconv.FormatInt(arrived, 10), "Content-Type", "application/offset+octet-stream")
		if err != nil {
			return "", arrived, err
		}
		arrived = end
		if jobID = resp.Header.Get("Upload-Job"); jobID != "" {
			return jobID, arrived, nil
		}
		if arrived == u.size {
			return "", arrived, errors.New("the answer has no Upload-Job")
		}
	}
}

// locate asks how much has arrived. The job is "" until all has. If the server no longer
// knows the upload, locate clears its path.
func (u *partUpload) locate(ctx context.Context) (jobID string, arrived int64, err error) {
	resp, err := u.request(ctx, http.MethodHead, u.path, nil)
	if e, ok := errors.AsType[*StatusError](err); ok && e.Status == http.StatusNotFound {
		u.path = ""
		return "", 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	arrived, err = strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64)
	if err != nil {
		return "", 0, fmt.Errorf("read Upload-Offset: %w", err)
	}
	if jobID = resp.Header.Get("Upload-Job"); arrived == u.size && jobID == "" {
		return "", arrived, errors.New("the answer has no Upload-Job")
	}
	return jobID, arrived, nil
}

// begin announces the upload and writes the note about it.
func (u *partUpload) begin(ctx context.Context) error {
	resp, err := u.request(ctx, http.MethodPost, "/tus", nil,
		"Upload-Length", strconv.FormatInt(u.size, 10), "Upload-Metadata", u.metadata)
	if err != nil {
		return err
	}
	at := resp.Header.Get("Location")
	_, path, ok := strings.Cut(at, apiBase)
	if !ok {
		return fmt.Errorf("unexpected Location %q", at)
	}
	u.path = path
	return u.note.write(path)
}

// request makes a request of the protocol. The answer is in its headers. A status of 300
// or more is an error.
func (u *partUpload) request(
	ctx context.Context, method, path string, body io.Reader, header ...string,
) (*http.Response, error) {
	h := http.Header{"Tus-Resumable": {"1.0.0"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	resp, err := u.do(ctx, method, path, body, h)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end or given up
	if resp.StatusCode >= 300 {
		return nil, readRefusal(resp)
	}
	return resp, nil
}

// note is the name of the file that holds the path of an upload; "" is no file.
type note string

// openNote returns the note about a file with these options at a server.
func openNote(server string, file io.ReaderAt, size int64, metadata, dir string) (note, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(file, 0, size)); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s %x %s", server, sum.Sum(nil), metadata))
	return note(filepath.Join(dir, hex.EncodeToString(key[:]))), nil
}

// read returns the noted path, "" if there is none.
func (n note) read() (string, error) {
	if n == "" {
		return "", nil
	}
	text, err := os.ReadFile(string(n))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

func (n note) write(path string) error {
	if n == "" {
		return nil
	}
	return os.WriteFile(string(n), []byte(path+"\n"), 0o600)
}

func (n note) remove() error {
	if n == "" {
		return nil
	}
	if err := os.Remove(string(n)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
