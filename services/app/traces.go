package app

import (
	"context"
	"net/http"
	"strings"
	"time"

	"rollcall.example/events"
	"rollcall.example/services/api"
	"rollcall.example/services/tracing"
)

// flushTime is how long the last spans may take to be sent when the process ends.
const flushTime = 5 * time.Second

// trace begins to send spans, under the name of a service, where an endpoint is given.
func (a *App) trace(ctx context.Context, service string) error {
	if a.settings.Traces.Endpoint == "" {
		return nil
	}
	traces, err := tracing.New(ctx, tracing.Config{Endpoint: a.settings.Traces.Endpoint, Service: service,
		Logger: a.logger})
	if err != nil {
		return err
	}
	a.traces = traces
	a.closeLater(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), flushTime)
		defer cancel()
		if err := traces.Shutdown(ctx); err != nil {
			a.logger.WarnContext(ctx, "the last spans were not sent", "err", err) // no reason for the process to fail
		}
		return nil
	})
	return nil
}

// traced makes a span of each request to the API, and none of other requests, such as
// WebSockets.
func (a *App) traced(next http.Handler) http.Handler {
	traced := tracing.Handler(events.Tracer(a.traces), next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.traces != nil && strings.HasPrefix(r.URL.Path, api.Base+"/") {
			traced.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
