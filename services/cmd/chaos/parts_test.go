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

// parts is in how many a file is sent, each to the next replica.
const parts = 4

// uploadInParts uploads a file by the tus protocol. What has arrived when a process is
// killed or a line breaks is not sent again.
func (u *user) uploadInParts(ctx context.Context, f *file) (jobID string, err error) {
	size := int64(len(f.bytes))
	return u.all.UploadInParts(ctx, f.name, bytes.NewReader(f.bytes), size,
		client.UploadOptions{DryRun: f.dry}, client.PartOptions{Most: size/parts + 1})
}

// rotation sends each request to the next replica, and bodies slowly.
type rotation struct {
	replicas []*url.URL
	next     atomic.Int64
	// failed counts requests that were not answered, or refused.
	failed *atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (r *rotation) RoundTrip(req *http.Request) (*http.Response, error) {
	to := r.replicas[int(r.next.Add(1))%len(r.replicas)]
	req = req.Clone(req.Context())
	req.URL.Host, req.Host = to.Host, to.Host
	if req.Body != nil {
		req.Body = &hesitant{ReadCloser: req.Body, piece: 1 + req.ContentLength/parts}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || resp.StatusCode >= 300 {
		r.failed.Add(1)
	}
	return resp, err
}

// hesitant sends a part in pieces, so that what is killed is in the middle of it.
type hesitant struct {
	io.ReadCloser
	piece int64 // bytes between two pauses
	begun bool
}

// Read implements io.Reader.
func (h *hesitant) Read(b []byte) (int, error) {
	if h.begun {
		time.Sleep(30 * time.Millisecond)
	}
	h.begun = true
	return h.ReadCloser.Read(b[:min(int64(len(b)), h.piece)])
}
