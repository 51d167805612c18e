package main

import (
	"fmt"
	"net/http"
	"time"
)

// patience is how long a client may take, so that none holds a connection by
// being slow on purpose.
type patience struct {
	// header is the time to send the header of a request, rest that for what
	// is left of its body when the answer has been given.
	header, rest time.Duration
	// piece is the time to take pieceSize bytes of an answer.
	piece time.Duration
}

// pieceSize is in bytes.
const pieceSize = 32 << 10

// of bounds the reading of bodies that nobody wanted and the writing of answers.
func (p patience) of(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		// That of an answer before, on the same connection, is over.
		if err := control.SetWriteDeadline(time.Time{}); err != nil {
			panic(fmt.Errorf("bound answer: %w", err)) // a server that cannot is none of ours
		}
		next.ServeHTTP(&patientWriter{ResponseWriter: w, control: control, piece: p.piece}, r)
		if r.Body != http.NoBody { // one that has none may have become a WebSocket
			// Fails only where the connection is gone.
			_ = control.SetReadDeadline(time.Now().Add(p.rest))
		}
	})
}

// patientWriter gives a client a while for each piece of an answer, however
// large the whole is.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	piece   time.Duration
}

// Unwrap is for http.ResponseController.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *patientWriter) WriteHeader(status int) {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.piece)) // fails only where the connection is gone
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *patientWriter) Write(p []byte) (written int, err error) {
	for {
		if err := w.control.SetWriteDeadline(time.Now().Add(w.piece)); err != nil {
			return written, fmt.Errorf("bound write: %w", err)
		}
		n, err := w.ResponseWriter.Write(p[:min(len(p), pieceSize)])
		written += n
		if p = p[n:]; err != nil || len(p) == 0 {
			return written, err
		}
	}
}
