package app

import (
	"context"
	"net/http"

	"rollcall.example/services/httpserver"
)

// serveMetrics serves them where an address is given: on a listener of its own, for they
// are for operators, and the other listener may face the internet.
func (a *App) serveMetrics(ctx context.Context) error {
	addr, tls := a.settings.MetricsAddr, a.settings.TLS
	if addr == "" {
		return nil
	}
	for _, c := range a.checks {
		a.metrics.CollectCheck(c.name, c.ok)
	}
	ln, err := httpserver.Listen(addr, tls.Cert, tls.Key, a.logger)
	if err != nil {
		return err
	}
	a.closeLater(func() error { return ignoreClosed(ln.Close()) })
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.Handler(a.logger))
	a.logger.InfoContext(ctx, "metrics are served", "url", ln.URL()+"/metrics")
	a.run = append(a.run, func(ctx context.Context) error { return httpserver.Serve(ctx, ln, mux, a.logger) })
	return nil
}
