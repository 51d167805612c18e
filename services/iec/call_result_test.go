package iec

import (
	"context"
	"net/http"
	"testing"
	"time"
)

// Each call is observed with its result and its time.
func TestCallsAreObservedByResult(t *testing.T) {
	for _, tc := range []struct {
		want   string
		answer http.HandlerFunc
	}{
		{ResultRefused, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }},
		{ResultRateLimited, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }},
		{ResultUnauthorized, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }},
		{ResultUnavailable, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }},
		{ResultMalformed, func(w http.ResponseWriter, _ *http.Request) {
			_,
				_ = w.Write([]byte(`{"Id":1,"VoterStatus":7}`))
		}},
		{ResultUnavailable, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	} {
		client, _ := startFixedAPI(t, tc.answer)
		results := map[string]int{}
		client.cfg.Observe = func(result string, took time.Duration) {
			if took <= 0 {
				t.Errorf("%s took %s", result, took)
			}
			results[result]++
		}
		if _, err := client.Lookup(t.Context(), "8001015009087",
			func(context.Context) error { return nil }); err == nil {
			t.Errorf("%s: no error", tc.want)
		}
		if len(results) != 1 || results[tc.want] == 0 {
			t.Errorf("observed %v, want %s", results, tc.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	client, _ := startFixedAPI(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	var result string
	client.cfg.Observe = func(r string, _ time.Duration) { result = r }
	if _, err := client.Lookup(ctx, "8001015009087", func(context.Context) error { return nil }); err == nil ||
		result != ResultAborted {
		t.Errorf("given up by the caller: %q, %v", result, err)
	}
}
