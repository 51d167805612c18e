package httpserver

import (
	"fmt"
	"net/http"
	"time"
)

// answerPiece is how many bytes of an answer a client takes to be given more time.
const answerPiece = 32 << 10

// boundAnswers limits the time for each piece of an answer, and for the rest of a
// body that the handler did not read.
func boundAnswers(next http.Handler, limits Limits) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		// The last answer on this connection has left its deadline behind.
		if err := control.SetWriteDeadline(time.Time{}); err != nil {
			panic(fmt.Errorf("bound answer: %w", err)) // net/http's server can
		}
		next.ServeHTTP(&boundWriter{ResponseWriter: w, control: control, piece: limits.Piece}, r)
		if r.Body != http.NoBody { // a request without one may have become a WebSocket
			// Fails only where the connection is gone.
			_ = control.SetReadDeadline(time.Now().Add(limits.Drain))
		}
	})
}

// boundWriter gives a client a while for each piece of an answer, however large
// the whole is.
type boundWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	piece   time.Duration
}

// Unwrap is for http.ResponseController.
func (w *boundWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *boundWriter) WriteHeader(status int) {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.piece)) // fails only where the connection is gone
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *boundWriter) Write(p []byte) (written int, err error) {
	for {
		if err := w.control.SetWriteDeadline(time.Now().Add(w.piece)); err != nil {
			return written, fmt.Errorf("bound write: %w", err)
		}
		n, err := w.ResponseWriter.Write(p[:min(len(p), answerPiece)])
		written += n
		if p = p[n:]; err != nil || len(p) == 0 {
			return written, err
		}
	}
}
