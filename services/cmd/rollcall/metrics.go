package main

import (
	"context"
	"net/http"

	"rollcall.example/services/httpserver"
)

// watch is what serves the metrics, on a listener of its own: they are for
// operators, and the other listener may face the internet. It is nil when nobody
// asked for them.
func (a *app) watch() (func(context.Context) error, error) {
	if a.MetricsAddr == "" {
		return nil, nil
	}
	for _, c := range a.checks {
		a.metrics.Check(c.name, c.ok)
	}
	ln, err := httpserver.Listen(a.MetricsAddr, a.TLSCert, a.TLSKey, a.p.log)
	if err != nil {
		return nil, err
	}
	a.later(func() error { return closed(ln.Close()) })
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.Handler(a.p.log))
	a.p.log.Info("metrics are served", "url", ln.URL()+"/metrics")
	return func(ctx context.Context) error { return httpserver.Serve(ctx, ln, mux, a.p.log) }, nil
}
