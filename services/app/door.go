package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"rollcall.example/events/refusal"
	"rollcall.example/services/httpserver"
)

// door answers HTTP from the first moment on: while the App waits for something that is
// not there, with its health, and after that with all that it serves.
type door struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // of serving, once ended is closed
	log    *slog.Logger

	mu      sync.Mutex
	handler http.Handler // nil while the App starts
	waits   map[string]string
	build   any
}

// openDoor begins to answer. Close stops it.
func openDoor(a *App) {
	ctx, cancel := context.WithCancel(context.Background())
	a.door = &door{cancel: cancel, ended: make(chan struct{}), waits: map[string]string{}, build: a.build,
		log: a.logger}
	go func() {
		defer close(a.door.ended)
		a.door.err = httpserver.Serve(ctx, a.ln, a.door, a.logger)
	}()
	a.closeLater(func() error {
		cancel()
		<-a.door.ended
		return ignoreClosed(a.door.err)
	})
}

// open has h answer from now on.
func (d *door) open(h http.Handler) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handler = h
}

// serve waits until ctx ends, and closes the door then.
func (d *door) serve(ctx context.Context) error {
	select {
	case <-ctx.Done():
		d.cancel()
		<-d.ended
	case <-d.ended:
	}
	return d.err
}

// ServeHTTP answers a request with what there is by now.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	h := d.handler
	checks := make([]check, 0, len(d.waits)+1)
	for name, reason := range d.waits {
		checks = append(checks, check{name, func(context.Context) error { return waiting(reason) }})
	}
	d.mu.Unlock()
	if h != nil {
		h.ServeHTTP(w, r)
		return
	}
	checks = append(checks, check{"start", func(context.Context) error { return waiting("the process is starting") }})
	mux := http.NewServeMux()
	health(mux, checks, d.build)
	mux.HandleFunc("/", refuseStarting)
	mux.ServeHTTP(w, r)
}

// waiting is why a check of a starting process fails.
type waiting string

func (w waiting) Error() string { return string(w) }

func refuseStarting(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Retry-After", "5")
	w.WriteHeader(http.StatusServiceUnavailable)
	// The client may have gone; then nobody is left to tell.
	_ = json.NewEncoder(w).Encode(map[string]any{
		"success": false, "message": "rollcall is starting. Please try again in a moment.",
		"error":     map[string]any{"code": refusal.CodeUnavailable, "details": map[string]any{}},
		"timestamp": time.Now().UTC().Format(time.RFC3339Nano),
	})
}

// setWait says, or with "" no longer says, that the App waits for something.
func (d *door) setWait(what, reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if reason == "" {
		delete(d.waits, what)
		return
	}
	d.waits[what] = "waiting: " + reason
}
