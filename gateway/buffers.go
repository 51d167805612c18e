package gateway

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"
)

// Sizes of a connection's buffers, in bytes. Most frames are shorter; a longer one takes
// more system calls.
const (
	readBuffer  = 512
	writeBuffer = 512
	gathered    = 4096
)

// smallBuffers gives a WebSocket smaller buffers than the HTTP server's. Those have 4 KB
// in each direction, which would be most of an idle connection's memory.
type smallBuffers struct {
	http.ResponseWriter
	status int       // of the answer, 0 until it is written
	out    *gatherer // nil until the connection is taken over
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
	w.out = &gatherer{conn: conn}
	return conn, bufio.NewReadWriter(r, bufio.NewWriterSize(w.out, writeBuffer)), nil
}

// socket is a WebSocket that sends several messages together.
type socket struct {
	*websocket.Conn
	out *gatherer
}

// gatherer keeps what is written while more follows at once: a history of ten facts is one
// system call and one packet then, not ten. The WebSocket writes one frame at a time.
type gatherer struct {
	conn    net.Conn
	follows atomic.Bool // the next write comes at once
	held    *gatherBuffer
}

type gatherBuffer struct {
	bytes [gathered]byte
	n     int
}

var gatherBuffers = sync.Pool{New: func() any { return new(gatherBuffer) }}

// Write implements io.Writer.
func (g *gatherer) Write(p []byte) (int, error) {
	follows := g.follows.Load()
	if g.held == nil && !follows {
		return g.conn.Write(p)
	}
	if g.held != nil && len(p) > gathered-g.held.n {
		if err := g.send(); err != nil {
			return 0, err
		}
	}
	if len(p) > gathered {
		return g.conn.Write(p)
	}
	if g.held == nil {
		g.held = gatherBuffers.Get().(*gatherBuffer)
	}
	g.held.n += copy(g.held.bytes[g.held.n:], p)
	if follows {
		return len(p), nil
	}
	return len(p), g.send()
}

// send writes what is held.
func (g *gatherer) send() error {
	b := g.held
	g.held = nil
	_, err := g.conn.Write(b.bytes[:b.n])
	b.n = 0
	gatherBuffers.Put(b)
	return err
}

const (
	goPercent  = 100 // what Go does unless GOGC says otherwise
	ownPercent = 50
)

// SaveMemory has a process that is nothing but a gateway collect garbage when half of what
// lives has gathered, instead of as much: what lives is its connections, for hours. GOGC comes
// first.
func SaveMemory() {
	if before := debug.SetGCPercent(ownPercent); before != goPercent {
		debug.SetGCPercent(before)
	}
}
