package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// check is one thing that a process needs. Its error says what is missing.
type check struct {
	name string
	ok   func(context.Context) error
}

// health serves the state of the process. build says what it was made of.
func health(mux *http.ServeMux, checks []check, build any) {
	for path, h := range healthRoutes(checks, build) {
		mux.HandleFunc("GET "+path, h)
	}
}

// healthRoutes are /livez, which says that the process runs, and /healthz and
// /readyz, which say whether it can do its work and, if not, why.
func healthRoutes(checks []check, build any) map[string]http.HandlerFunc {
	live := func(w http.ResponseWriter, _ *http.Request) {
		answerHealth(w, http.StatusOK, map[string]string{}, build)
	}
	ready := func(w http.ResponseWriter, r *http.Request) {
		status, found := http.StatusOK, map[string]string{}
		for name, err := range askAll(r.Context(), checks) {
			found[name] = "ok"
			if err != nil {
				found[name], status = err.Error(), http.StatusServiceUnavailable
			}
		}
		answerHealth(w, status, found, build)
	}
	return map[string]http.HandlerFunc{"/livez": live, "/healthz": ready, "/readyz": ready}
}

// checkTime is how long a check may take.
const checkTime = 3 * time.Second

// askAll asks all checks at once, so that one that hangs makes no other look broken.
func askAll(ctx context.Context, checks []check) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	errs := make([]error, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() {
			errs[i] = c.ok(ctx)
			if errors.Is(errs[i], context.DeadlineExceeded) {
				errs[i] = fmt.Errorf("no answer within %s", checkTime)
			}
		})
	}
	all.Wait()
	found := make(map[string]error, len(checks))
	for i, c := range checks {
		found[c.name] = errs[i]
	}
	return found
}

func answerHealth(w http.ResponseWriter, status int, checks map[string]string, build any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	text := "ok"
	if status != http.StatusOK {
		text = "not ready"
	}
	// The client may have gone; then nobody is left to tell.
	_ = json.NewEncoder(w).Encode(map[string]any{"status": text, "checks": checks, "build": build})
}
