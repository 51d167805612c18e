package gateway

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
)

// Sizes of a connection's buffers, in bytes. Most frames are shorter; a longer one takes
// more system calls.
const (
	readBuffer  = 512
	writeBuffer = 512
)

// smallBuffers gives a WebSocket smaller buffers than the HTTP server's. Those have 4 KB
// in each direction, which would be most of an idle connection's memory.
type smallBuffers struct {
	http.ResponseWriter
	status int // of the answer, 0 until it is written
}

// WriteHeader keeps the status: nothing else tells why the handshake failed.
func (w *smallBuffers) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Hijack takes the connection over from the HTTP server.
func (w *smallBuffers) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, old, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	r := bufio.NewReaderSize(conn, readBuffer)
	if n := old.Reader.Buffered(); n > 0 {
		// The client did not wait for the answer. What it has sent must be in the new
		// buffer, for the WebSocket reads from there.
		early, err := old.Reader.Peek(n)
		if err != nil {
			return nil, nil, err
		}
		r = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(early), conn), max(readBuffer, n))
		if _, err := r.Peek(n); err != nil {
			return nil, nil, err
		}
	}
	return conn, bufio.NewReadWriter(r, bufio.NewWriterSize(conn, writeBuffer)), nil
}
