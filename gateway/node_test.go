package gateway_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// node is the official Socket.IO client in a process of its own.
type node struct {
	t        *testing.T
	cmd      *exec.Cmd
	in       io.Writer
	messages chan clientMessage
}

// said is what a socket of it got: an event of the server, or connect,
// connect_error, disconnect, acknowledged.
type clientMessage struct {
	Socket, On, Message, Response string
	Data                          map[string]any
	Seq                           uint64
	Code                          int
	Active                        bool
	raw                           string
}

// installClient installs the package that testdata/socketio names into a folder.
func installClient(t *testing.T) (dir string) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is missing: go tool task node", tool)
		}
	}
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "socketio"))); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--prefer-offline", "--no-audit", "--no-fund",
		"--ignore-scripts")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return dir
}

func startNode(t *testing.T, dir string) *node {
	t.Helper()
	return startDriver(t, dir, "node", "driver.js")
}

// startDriver starts what takes orders and says what clients got.
func startDriver(t *testing.T, dir, program, script string) *node {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, script)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, cmd: cmd, in: in, messages: make(chan clientMessage, 10_000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(n.messages)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			s := clientMessage{raw: lines.Text()}
			if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
				t.Errorf("%s: %v", s.raw, err)
			}
			n.messages <- s
		}
	}()
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		<-done
		_ = cmd.Wait() // killed when the test's context ended before it did
	})
	return n
}

func (n *node) send(order map[string]any) {
	n.t.Helper()
	text, err := json.Marshal(order)
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.in.Write(append(text, '\n')); err != nil {
		n.t.Fatal(err)
	}
}

// connect opens a socket, over the WebSocket transport unless options say otherwise. It
// subscribes to the job after each connect, from the last sequence seen.
func (n *node) connect(url, token, job string, options map[string]any) {
	n.t.Helper()
	opts := map[string]any{"transports": []string{"websocket"}, "auth": map[string]any{"token": token}}
	for k, v := range options {
		opts[k] = v
	}
	n.send(map[string]any{"do": "connect", "socket": "s", "url": url, "options": opts, "job": job})
}

func (n *node) ask(event string, args ...any) map[string]any {
	n.t.Helper()
	n.send(map[string]any{"do": "ask", "socket": "s", "event": event, "args": args})
	return n.want("acknowledged").Data
}

func (n *node) next() clientMessage {
	n.t.Helper()
	select {
	case s, ok := <-n.messages:
		if !ok {
			n.t.Fatal("node has ended")
		}
		if s.On == "subscribed" { // for those who wait for it
			return n.next()
		}
		if strings.HasPrefix(s.On, "bulk_") || strings.HasPrefix(s.On, "iec_") {
			frame := map[string]any{"event": s.On, "data": s.Data}
			if s.Seq > 0 {
				frame["seq"] = s.Seq
			}
			text, err := json.Marshal(frame)
			if err != nil {
				n.t.Fatal(err)
			}
			checkFrame(n.t, s.On, text)
		}
		return s
	case <-time.After(30 * time.Second):
		n.t.Fatal("no message from node within 30 s")
		panic("unreachable")
	}
}

func (n *node) want(on string) clientMessage {
	n.t.Helper()
	s := n.next()
	if s.On != on {
		n.t.Fatalf("want %s, got %s", on, s.raw)
	}
	return s
}
