package upload

import (
	"archive/zip"
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw is a connection on which anything can be said.
type raw struct {
	t    *testing.T
	conn net.Conn
}

func (r *rig) dial() *raw {
	r.t.Helper()
	host, _, _ := strings.Cut(strings.TrimPrefix(r.url, "http://"), "/")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() }) // may be closed already
	return &raw{r.t, conn}
}

func (c *raw) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads the answer to a request; its body is read to the end.
func (c *raw) answer() (*http.Response, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c.conn), nil)
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

func (c *raw) close() {
	c.t.Helper()
	if err := c.conn.Close(); err != nil {
		c.t.Error(err)
	}
}

func unzip(t *testing.T, f *zip.File) string {
	t.Helper()
	rc, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	body, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
