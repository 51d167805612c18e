package apitest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"

	"rollcall.example/services/openapitest"
)

// Reply is an answer; the fields without tags are those of the envelope.
type Reply struct {
	Status int         `json:"-"`
	Header http.Header `json:"-"`
	Raw    []byte      `json:"-"`

	Success bool
	Message string
	Data    map[string]any
	Error   struct {
		Code    string
		Details map[string]any
	}
	Timestamp string
}

// Do makes a request at a path below api.Base. Its answer is held against
// openapi.yaml. Nobody makes it if who is "".
func (r *Rig) Do(who, method, path string, body io.Reader, contentType string, change ...func(http.Header)) Reply {
	r.T.Helper()
	var sent recording
	if body != nil {
		body = io.TeeReader(body, &sent)
	}
	req, err := http.NewRequest(method, r.URL+path, body)
	if err != nil {
		r.T.Fatal(err)
	}
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+who)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for _, c := range change {
		c(req.Header)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.T.Fatal(err)
	}
	defer resp.Body.Close()
	out := Reply{Status: resp.StatusCode, Header: resp.Header}
	if out.Raw, err = io.ReadAll(resp.Body); err != nil {
		r.T.Fatal(err)
	}
	openapitest.Check(r.T, req, sent.bytes(), out.Status, out.Header, out.Raw)
	if resp.Header.Get("Content-Type") == "application/json" && method != http.MethodHead {
		if err := json.Unmarshal(out.Raw, &out); err != nil {
			r.T.Fatalf("%s: %v", out.Raw, err)
		}
		if out.Timestamp == "" || out.Message == "" || out.Success != (out.Status < 300) {
			r.T.Fatalf("answer has another shape: %d %s", out.Status, out.Raw)
		}
	}
	return out
}

// Get makes a GET request.
func (r *Rig) Get(who, path string) Reply {
	r.T.Helper()
	return r.Do(who, http.MethodGet, path, nil, "")
}

// Post makes a POST request without a body.
func (r *Rig) Post(who, path string) Reply {
	r.T.Helper()
	return r.Do(who, http.MethodPost, path, nil, "")
}

// recording is what has been sent so far. An answer may come while the transport
// still sends.
type recording struct {
	mu   sync.Mutex
	sent []byte
}

func (b *recording) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent = append(b.sent, p...)
	return len(p), nil
}

func (b *recording) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.sent)
}
