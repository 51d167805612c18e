package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/gateway"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/auth/authtest"
)

const secret = authtest.Secret

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, eventstest.IgnoreLeaks()...)
}

// rig is a gateway with a real NATS, as the user that may only read.
type rig struct {
	t    *testing.T
	nats *embedded.Server
	url  string
	stop func()
	gw   *gateway.Gateway
	logs map[events.Stage]*events.Log
}

func newRig(t *testing.T, change ...func(*gateway.Config)) *rig {
	t.Helper()
	r := &rig{t: t, nats: eventstest.Start(t), logs: map[events.Stage]*events.Log{}}
	for _, s := range append([]events.Stage{events.StageUpload}, events.Stages...) {
		r.logs[s] = events.NewLog(eventstest.Connect(t, r.nats, string(s)), s, nil)
	}
	r.gw, r.url, r.stop = startGateway(t, r.nats, change...)
	return r
}

func startGateway(t *testing.T, nats *embedded.Server,
	change ...func(*gateway.Config)) (g *gateway.Gateway, url string, stop func()) {
	t.Helper()
	verifier, err := auth.New(t.Context(), auth.Config{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	cfg := gateway.Config{JetStream: eventstest.Connect(t, nats, "gateway"), Verifier: verifier,
		CheckInterval: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&cfg)
	}
	g, err = gateway.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", g)
	mux.HandleFunc("/socket.io/", g.ServeSocketIO)
	srv := httptest.NewServer(mux)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		srv.Close()
	}
	t.Cleanup(stop)
	eventstest.Wait(t, "the gateway", func() bool { return g.Ready() == nil })
	return g, srv.URL, stop
}

func mintToken(t *testing.T, user, role string, ttl time.Duration) string {
	t.Helper()
	token, err := auth.Mint(secret, user, role, ttl, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// upload makes a job of a user and waits until the gateway has sent it out, so that
// whoever connects after it gets it from the history only.
func (r *rig) upload(user string) events.Job {
	r.t.Helper()
	job := eventstest.Upload(r.t, r.logs[events.StageUpload], events.User{ID: user, Role: "member"},
		events.Artifact{}, events.Options{})
	eventstest.Wait(r.t, "the upload to go out", func() bool { return r.gw.Routed() >= job.Seq })
	return job
}

// step appends the next fact that an ordinary job has.
func (r *rig) step(job *events.Job) {
	r.t.Helper()
	stage := job.Next()
	for i, s := range events.Stages {
		if s == stage {
			eventstest.Append(r.t, r.logs[stage], job, eventstest.Facts(job.ID)[i])
		}
	}
}

// frame is what a client gets.
type frame struct {
	Event string
	Seq   uint64
	ID    json.RawMessage
	Data  map[string]any
	raw   string
}

type socket struct {
	t  *testing.T
	ws *websocket.Conn
}

func dial(t *testing.T, url, token string) *socket {
	t.Helper()
	opts := &websocket.DialOptions{HTTPHeader: http.Header{}}
	if token != "" {
		opts.HTTPHeader.Set("Authorization", "Bearer "+token)
	}
	ws, resp, err := websocket.Dial(t.Context(), url, opts)
	if err != nil {
		t.Fatalf("dial: %v (%+v)", err, resp)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	ws.SetReadLimit(1 << 20)
	return &socket{t: t, ws: ws}
}

func (s *socket) send(event string, data any, id any) {
	s.t.Helper()
	text, err := json.Marshal(map[string]any{"event": event, "data": data, "id": id})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.ws.Write(s.t.Context(), websocket.MessageText, text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *socket) subscribe(jobID string, after uint64) {
	s.t.Helper()
	s.send("subscribe_bulk_upload_job", map[string]any{"job_id": jobID, "after": after}, jobID)
}

func (s *socket) next() (frame, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, text, err := s.ws.Read(ctx)
	if err != nil {
		return frame{}, err
	}
	var f frame
	if err := json.Unmarshal(text, &f); err != nil {
		s.t.Fatalf("%s: %v", text, err)
	}
	f.raw = string(text)
	checkFrame(s.t, f.Event, text)
	return f, nil
}

// want reads the next frame, which must be of the event. Progress of the user's jobs may
// come before an ack.
func (s *socket) want(event string) frame {
	s.t.Helper()
	f, err := s.next()
	for err == nil && event == "ack" && f.Event == "bulk_upload_progress" {
		f, err = s.next()
	}
	if err != nil {
		s.t.Fatalf("want %s: %v", event, err)
	}
	if f.Event != event {
		s.t.Fatalf("want %s, got %s", event, f.raw)
	}
	return f
}

// closeCode waits for the end of the connection and returns its code.
func (s *socket) closeCode() websocket.StatusCode {
	s.t.Helper()
	return websocket.CloseStatus(s.closed())
}

// closed waits for the end of the connection.
func (s *socket) closed() error {
	s.t.Helper()
	for {
		if _, err := s.next(); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				s.t.Fatal("not closed")
			}
			return err
		}
	}
}
