package upload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/openapitest"
	"rollcall.example/services/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m, eventstest.IgnoreLeaks()...) }

// rig is the service over real parts; a token is "id role", for the verifier
// that the service is given has tests of its own.
type rig struct {
	t    *testing.T
	nats *embedded.Server
	log  *events.Log
	svc  *Service
	url  string
	logs *bytes.Buffer
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, nats: eventstest.Start(t), logs: &bytes.Buffer{}}
	js := eventstest.Connect(t, r.nats, "upload")
	r.log = events.NewLog(js, events.StageUpload, nil)
	cfg := Config{
		Log: r.log, Store: events.NewStore(js), DB: postgrestest.New(t),
		Authenticate: func(req *http.Request) (Principal, error) {
			id, role, ok := strings.Cut(strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "), " ")
			if !ok {
				return Principal{}, &Unauthenticated{Reason: "token_missing", Message: "Please sign in."}
			}
			return Principal{User: events.User{ID: id, Role: role}, Admin: role == "national_admin"}, nil
		},
		Quota:       func(context.Context) (events.Quota, error) { return events.Quota{Used: 25, Limit: 100}, nil },
		MaxFileSize: 1 << 20,
		Logger:      slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&cfg)
	}
	r.svc = New(cfg)
	r.serve()
	return r
}

// serve serves the service until the test ends.
func (r *rig) serve() {
	srv := httptest.NewServer(r.svc.Handler())
	r.t.Cleanup(srv.Close)
	r.t.Cleanup(http.DefaultClient.CloseIdleConnections)
	r.url = srv.URL + Base
}

// project runs the projection until the test ends.
func (r *rig) project() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.svc.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
}

type reply struct {
	status  int
	header  http.Header
	raw     []byte
	Success bool
	Message string
	Data    map[string]any
	Error   struct {
		Code    string
		Details map[string]any
	}
	Timestamp string
}

// A recording is what has been sent so far. An answer may come while the transport still sends.
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

// do makes a request; its answer is held against openapi.yaml.
func (r *rig) do(who, method, path string, body io.Reader, contentType string, change ...func(http.Header)) reply {
	r.t.Helper()
	var sent recording
	if body != nil {
		body = io.TeeReader(body, &sent)
	}
	req, err := http.NewRequest(method, r.url+path, body)
	if err != nil {
		r.t.Fatal(err)
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
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	out := reply{status: resp.StatusCode, header: resp.Header}
	if out.raw, err = io.ReadAll(resp.Body); err != nil {
		r.t.Fatal(err)
	}
	openapitest.Check(r.t, req, sent.bytes(), out.status, out.header, out.raw)
	if resp.Header.Get("Content-Type") == "application/json" && method != http.MethodHead {
		if err := json.Unmarshal(out.raw, &out); err != nil {
			r.t.Fatalf("%s: %v", out.raw, err)
		}
		if out.Timestamp == "" || out.Message == "" || out.Success != (out.status < 300) {
			r.t.Fatalf("answer has another shape: %d %s", out.status, out.raw)
		}
	}
	return out
}

func (r *rig) get(who, path string) reply {
	r.t.Helper()
	return r.do(who, http.MethodGet, path, nil, "")
}
func (r *rig) post(who, path string) reply {
	r.t.Helper()
	return r.do(who, http.MethodPost, path, nil, "")
}

// multipartOf makes a form of the fields given in turn; one named file is a file.
func multipartOf(t *testing.T, parts ...string) (io.Reader, string) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		var w io.Writer
		var err error
		if parts[i] == "file" {
			w, err = form.CreateFormFile("file", "Roll März.xlsx")
		} else {
			w, err = form.CreateFormField(parts[i])
		}
		if err == nil {
			_, err = io.WriteString(w, parts[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return &b, form.FormDataContentType()
}

func (r *rig) upload(who string, parts ...string) reply {
	r.t.Helper()
	body, contentType := multipartOf(r.t, parts...)
	return r.do(who, http.MethodPost, "/process", body, contentType)
}

func (r *rig) uploaded(who string, parts ...string) string {
	r.t.Helper()
	a := r.upload(who, append(parts, "file", workbookOf(r.t, []string{"ID Number", "Name"}, []string{"8001015009087", "A"}))...)
	if a.status != http.StatusAccepted {
		r.t.Fatalf("upload: %d %s", a.status, a.raw)
	}
	return a.Data["job_id"].(string)
}

func workbookOf(t *testing.T, rows ...[]string) string {
	t.Helper()
	file := xlsx.NewFile()
	sheet, err := file.AddSheet("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	for _, cells := range rows {
		row := sheet.AddRow()
		for _, c := range cells {
			row.AddCell().SetString(c)
		}
	}
	var b bytes.Buffer
	if err := file.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// empty says whether neither an event nor an object was left behind.
func (r *rig) empty() bool {
	r.t.Helper()
	js := eventstest.Connect(r.t, r.nats, "provisioner")
	for _, stream := range []string{events.StreamFacts, "OBJ_" + events.BucketUploads} {
		s, err := js.Stream(r.t.Context(), stream)
		if err != nil {
			r.t.Fatal(err)
		}
		if s.CachedInfo().State.Msgs != 0 {
			return false
		}
	}
	return true
}

// as appends facts to a job, each as the stage whose it is.
func (r *rig) as(id string, facts ...events.Fact) {
	r.t.Helper()
	job, err := r.log.Load(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range facts {
		stage := job.Next()
		l := events.NewLog(eventstest.Connect(r.t, r.nats, string(stage)), stage, nil)
		eventstest.Append(r.t, l, &job, f)
	}
}

var errDown = errors.New("down")
