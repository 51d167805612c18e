package chaos

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"rollcall.example/gateway/client"
)

// uploadParts is the number of parts of a file; each goes to the next replica.
const uploadParts = 4

// uploadInParts uploads a file by the tus protocol. It does not send again what has
// arrived before a process is killed or a link breaks.
func (u *user) uploadInParts(ctx context.Context, f *file) (jobID string, err error) {
	size := int64(len(f.bytes))
	return u.all.UploadInParts(ctx, f.name, bytes.NewReader(f.bytes), size,
		client.UploadOptions{DryRun: f.dry}, client.PartOptions{MaxPart: size/uploadParts + 1})
}

// rotatingTransport sends each request to the next replica, and its body slowly.
type rotatingTransport struct {
	replicas []*url.URL
	next     atomic.Int64
	// failed counts requests that failed or were refused.
	failed *atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (r *rotatingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	to := r.replicas[int(r.next.Add(1))%len(r.replicas)]
	req = req.Clone(req.Context())
	req.URL.Host, req.Host = to.Host, to.Host
	if req.Body != nil {
		req.Body = &slowReader{ReadCloser: req.Body, piece: 1 + req.ContentLength/uploadParts}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || resp.StatusCode >= 300 {
		r.failed.Add(1)
	}
	return resp, err
}

// slowReader makes a part take a while, so that kills hit it in the middle.
type slowReader struct {
	io.ReadCloser
	piece int64 // bytes between two pauses
	begun bool
}

// Read implements io.Reader.
func (h *slowReader) Read(b []byte) (int, error) {
	if h.begun {
		time.Sleep(30 * time.Millisecond)
	}
	h.begun = true
	return h.ReadCloser.Read(b[:min(int64(len(b)), h.piece)])
}
