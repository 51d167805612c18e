// Package httpserver is what every HTTP answer of rollcall needs: a server with
// limits, the strictest headers, a guard against panics, and time limits for
// slow clients that do not limit how large a request or an answer may be.
package httpserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"rollcall.example/events"
)

// shutdownTime is how long requests in hand may take once the server stops.
const shutdownTime = 5 * time.Second

// Limits are how long a client may take, so that none holds a connection by
// being slow on purpose.
type Limits struct {
	// Header is the time to send the header of a request; 0 means 10 s.
	Header time.Duration
	// Drain is the time to send what is left of a body once the answer has been
	// given; 0 means 10 s.
	Drain time.Duration
	// Piece is the time to take 32 KiB of an answer; 0 means a minute.
	Piece time.Duration
}

// Serve serves h on ln until ctx ends, then gives requests in hand a moment to
// finish. It does not wait for WebSockets. It returns nil when ctx has ended it.
// A nil log discards.
func Serve(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	srv := New(h, log, Limits{})
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		err := srv.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
		stopped <- err
	})
	err := srv.Serve(ln)
	if stop() { // ctx did not end it: Serve has failed
		return errors.Join(fmt.Errorf("serve http: %w", err), srv.Close())
	}
	return <-stopped
}

// New returns a server that shields h and bounds what a client may hold. It has
// no limit for a whole request or answer, since both may be large and lines slow:
// handlers bound what they read. A nil log discards.
func New(h http.Handler, log *slog.Logger, limits Limits) *http.Server {
	log = events.Logger(log)
	limits.Header = cmp.Or(limits.Header, 10*time.Second)
	limits.Drain = cmp.Or(limits.Drain, 10*time.Second)
	limits.Piece = cmp.Or(limits.Piece, time.Minute)
	return &http.Server{
		Handler:           Shield(boundAnswers(h, limits), log),
		ReadHeaderTimeout: limits.Header,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
