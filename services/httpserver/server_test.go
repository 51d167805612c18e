package httpserver

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// serving serves a handler until the test ends.
func serving(t *testing.T, h http.Handler, limits Limits) (addr string, log *logBuffer) {
	t.Helper()
	log = &logBuffer{}
	srv := New(h, slog.New(slog.NewTextHandler(log, nil)), limits)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		<-done // ErrServerClosed
	})
	return ln.Addr().String(), log
}

func connect(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(20 * time.Second))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// A connection that is slow on purpose is closed in time, after what was answered so far.
func TestSlowConnectionsAreClosed(t *testing.T) {
	const short = 200 * time.Millisecond
	addr, _ := serving(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "answered") // the client may be gone
	}), Limits{Header: short, Drain: short, Piece: time.Minute})
	for name, tt := range map[string]struct{ says, answer string }{
		"says nothing":          {"", ""},
		"header without an end": {"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", ""},
		"body that never comes": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", "answered"},
		"chunks without an end": {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "answered"},
		"header of 64 KB":       {"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "431"},
		"64 KB of headers":      {"GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: x\r\n", 8<<10) + "\r\n", "431"},
		"address of 64 KB":      {"GET /" + strings.Repeat("x", 64<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431"},
		"length and chunks":     {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde", "400"},
		"header with a space":   {"GET / HTTP/1.1\r\nHost: x\r\nX-A : x\r\n\r\n", "400"},
		"no host":               {"GET / HTTP/1.1\r\n\r\n", "400"},
		"a trace":               {"TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "501"},
		"an unknown method":     {"TOKEN / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "501"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, addr)
			if _, err := io.WriteString(conn, tt.says); err != nil && !strings.HasPrefix(tt.answer, "4") {
				t.Fatal(err)
			}
			begun := time.Now()
			var answer bytes.Buffer
			_, _ = io.Copy(&answer, conn) // a reset is as good as an end
			if took := time.Since(begun); took > 10*time.Second || tt.answer == "answered" && took < short/2 {
				t.Errorf("closed after %s", took)
			}
			if !strings.Contains(answer.String(), tt.answer) {
				t.Errorf("answer %q", answer.String())
			}
		})
	}
}

func TestAClientThatTakesNoAnswerIsCutOff(t *testing.T) {
	const piece = time.Second
	ended := make(chan error, 1)
	addr, _ := serving(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 64<<20)) // more than any buffer on the way
		ended <- err
	}), Limits{Header: time.Minute, Drain: time.Minute, Piece: piece})
	ask := func() net.Conn {
		conn := connect(t, addr)
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	t.Run("never reads", func(t *testing.T) {
		ask()
		select {
		case err := <-ended:
			if err == nil {
				t.Error("all was written")
			}
		case <-time.After(20 * time.Second):
			t.Fatal("still writing")
		}
	})
	t.Run("reads slowly", func(t *testing.T) {
		conn := ask()
		begun := time.Now()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got := int64(0)
		for err == nil {
			var n int64
			n, err = io.CopyN(io.Discard, resp.Body, 8<<20)
			got += n
			time.Sleep(piece / 3) // so slow is the line
		}
		if got != 64<<20 || err != io.EOF || time.Since(begun) < 2*piece {
			t.Errorf("%d bytes in %s: %v", got, time.Since(begun), err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAConnectionIsKeptAfterASlowAnswer(t *testing.T) {
	const piece = 300 * time.Millisecond
	addr, _ := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/work" {
			time.Sleep(3 * piece) // work that takes longer than a piece may
		}
		w.WriteHeader(http.StatusNoContent)
	}), Limits{Header: time.Minute, Drain: piece, Piece: piece})
	conn := connect(t, addr)
	answers := bufio.NewReader(conn)
	for _, path := range []string{"/", "/work", "/", "/work"} {
		if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", path); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(answers, nil)
		if err != nil || resp.StatusCode != http.StatusNoContent {
			t.Fatalf("%s: %v %v", path, resp, err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAPanicIsLoggedWithoutItsMessage(t *testing.T) {
	addr, log := serving(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic("row of 8001015009087 with token eyJhbGciOi")
	}), Limits{Header: time.Minute, Drain: time.Minute, Piece: time.Minute})
	resp, err := http.Get("http://" + addr)
	if err == nil {
		resp.Body.Close()
		t.Error("answered")
	}
	for _, said := range []string{"8001015009087", "eyJhbGciOi"} {
		if strings.Contains(log.String(), said) {
			t.Errorf("logged %s", said)
		}
	}
	if !strings.Contains(log.String(), "panicked") || !strings.Contains(log.String(), "type=string") {
		t.Errorf("log %q", log)
	}
}

func TestTLSAnswersAreStrictAndSlowHandshakesEnd(t *testing.T) {
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = New(http.NotFoundHandler(), nil, Limits{Header: 200 * time.Millisecond})
	srv.StartTLS()
	t.Cleanup(srv.Close)
	resp, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Strict-Transport-Security"); got != "max-age=31536000; includeSubDomains" {
		t.Errorf("Strict-Transport-Security %q", got)
	}
	for name, says := range map[string]string{"nothing": "", "half a handshake": "\x16\x03\x01\x02\x00"} {
		conn := connect(t, srv.Listener.Addr().String())
		if _, err := io.WriteString(conn, says); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		_, _ = io.Copy(io.Discard, conn) // a reset is as good as an end
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("%s: closed after %s", name, took)
		}
	}
}
