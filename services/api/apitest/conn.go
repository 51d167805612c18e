package apitest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Conn is a connection on which anything can be said.
type Conn struct {
	t *testing.T
	net.Conn
}

// Dial connects to the server for at most half a minute, or until the test ends.
func (r *Rig) Dial() *Conn {
	r.T.Helper()
	host, _, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), "/")
	conn, err := net.Dial("tcp", host)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(30 * time.Second))
	}
	if err != nil {
		r.T.Fatal(err)
	}
	r.T.Cleanup(func() { _ = conn.Close() }) // may be closed already
	return &Conn{r.T, conn}
}

// Send writes text.
func (c *Conn) Send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatal(err)
	}
}

// Answer reads the answer to a request, and its body to the end.
func (c *Conn) Answer() (*http.Response, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c.Conn), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp, string(body)
}

// Hangup closes the connection.
func (c *Conn) Hangup() {
	c.t.Helper()
	if err := c.Close(); err != nil {
		c.t.Error(err)
	}
}
