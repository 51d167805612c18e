package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

// serveHTTP serves until ctx ends, then lets requests in hand finish for a
// moment. WebSockets are the gateway's own to close.
func serveHTTP(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	srv := newServer(h, log, patience{header: 10 * time.Second, rest: 10 * time.Second, piece: time.Minute})
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err := srv.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
		stopped <- err
	})
	err := srv.Serve(ln)
	if stop() { // not stopped by ctx: Serve failed by itself
		return errors.Join(fmt.Errorf("serve http: %w", err), srv.Close())
	}
	return <-stopped
}

// newServer has no limit for a whole request or answer, since both may be large
// and lines slow: handlers bound what they read, and patience what is written.
func newServer(h http.Handler, log *slog.Logger, p patience) *http.Server {
	return &http.Server{
		Handler:           shielded(p.of(h), log),
		ReadHeaderTimeout: p.header,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// shielded gives each answer the strictest headers, which a handler may replace,
// and keeps what a panic says out of the log: it may quote a person or a token.
func shielded(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v != nil && v != http.ErrAbortHandler { // which was told of already
				log.Error("panic", "method", r.Method, "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			}
			if v != nil {
				panic(http.ErrAbortHandler)
			}
		}()
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
			next.ServeHTTP(w, r)
		default: // which could be any word, and ends in logs and traces
			http.Error(w, http.StatusText(http.StatusNotImplemented), http.StatusNotImplemented)
		}
	})
}
