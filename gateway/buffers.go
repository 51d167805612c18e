package gateway

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
)

// Sizes of a connection's buffers. Most frames are shorter; what is longer
// takes more calls of the system.
const (
	readBuffer  = 512
	writeBuffer = 1024
)

// smallBuffers gives a WebSocket smaller buffers than those of the HTTP server,
// 4 KB in each direction, which would be most of an idle connection's memory.
type smallBuffers struct {
	http.ResponseWriter
	status int // of the answer
}

// WriteHeader notes the status, which is all that tells why there is no WebSocket.
func (w *smallBuffers) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Hijack takes the connection over from the HTTP server.
func (w *smallBuffers) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, had, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	r := bufio.NewReaderSize(conn, readBuffer)
	if n := had.Reader.Buffered(); n > 0 {
		// A client that did not wait for the answer. What it said has to be in
		// the new buffer, from where the WebSocket takes it.
		early, err := had.Reader.Peek(n)
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
