package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// check is one thing that a process needs. It says in words what is missing.
type check struct {
	name string
	ok   func(context.Context) error
}

// health serves what says how the process is.
func health(mux *http.ServeMux, checks []check) {
	for path, h := range healthRoutes(checks) {
		mux.HandleFunc("GET "+path, h)
	}
}

// healthRoutes are /livez, which says that the process runs, and /healthz and
// /readyz, which say whether it can do its work and, if not, why.
func healthRoutes(checks []check) map[string]http.HandlerFunc {
	live := func(w http.ResponseWriter, _ *http.Request) {
		answerHealth(w, http.StatusOK, map[string]string{})
	}
	ready := func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		status, found := http.StatusOK, map[string]string{}
		for _, c := range checks {
			found[c.name] = "ok"
			if err := c.ok(ctx); err != nil {
				found[c.name], status = err.Error(), http.StatusServiceUnavailable
			}
		}
		answerHealth(w, status, found)
	}
	return map[string]http.HandlerFunc{"/livez": live, "/healthz": ready, "/readyz": ready}
}

func answerHealth(w http.ResponseWriter, status int, checks map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	text := "ok"
	if status != http.StatusOK {
		text = "not ready"
	}
	// The client may be gone; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(map[string]any{"status": text, "checks": checks})
}
