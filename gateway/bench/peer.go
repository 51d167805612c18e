//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"rollcall.example/gateway/frames"
)

// peer is a program of others that the clients can follow in the gateway's place. Nobody
// follows a job there but a channel, and nothing is stored before it is sent: the same
// messages at the same rate are all that is the same.
type peer interface {
	// command starts it on an address of this machine.
	command(addr string) *exec.Cmd
	// publish sends a message to a channel.
	publish(ctx context.Context, channel string, m message) error
	// dial connects a client. What it has to know of the one before, the client keeps.
	dial(ctx context.Context, c *client) (wire, error)
}

// message is what a peer has to deliver, with the fields of a frame of the gateway.
type message struct {
	N         uint64    `json:"n"` // of its channel, from 1 on
	JobID     string    `json:"job_id"`
	Stage     string    `json:"stage"`
	Status    string    `json:"status"`
	Progress  int       `json:"progress"`
	Processed int       `json:"rows_processed"`
	Total     int       `json:"rows_total"`
	Message   string    `json:"message"`
	Timestamp time.Time `json:"timestamp"`
}

func (m message) frame() (f frame) {
	f.Event, f.Seq, f.Data.Timestamp = frames.EventProgress, m.N, m.Timestamp
	return f
}

// newPeer returns the peer of a name that listens on an address; nil for none. What it
// needs is in dir; see the task bench:peers.
func newPeer(name, dir, addr string) (peer, error) {
	switch name {
	case "":
		return nil, nil
	case "centrifugo":
		return centrifugo{dir, "http://" + addr}, nil
	case "socketio":
		return nodeServer{dir, "http://" + addr}, nil
	}
	return nil, fmt.Errorf("peer must be centrifugo or socketio, not %q", name)
}

// freeAddress returns one that nobody listens on.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// startPeer starts the peer and waits until it listens.
func (b *bench) startPeer(ctx context.Context) error {
	cmd := b.peer.command(b.addrs[0])
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", b.Peer, err)
	}
	b.gateways = []*process{{cmd: cmd, address: b.addrs[0]}}
	for start := time.Now(); ; {
		conn, err := net.Dial("tcp", b.addrs[0])
		if err == nil {
			return conn.Close()
		}
		if time.Since(start) > 30*time.Second {
			return fmt.Errorf("start %s: %w", b.Peer, err)
		}
		if err := sleepUntil(ctx, time.Now().Add(20*time.Millisecond)); err != nil {
			return err
		}
	}
}

// publish sends the job's next message to the peer, as often as it takes until that has
// accepted it. What it accepted and a client does not get is lost.
func (j *job) publish(ctx context.Context, p peer) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	m := message{N: uint64(len(j.seqs) + 1), JobID: j.owner.ID, Stage: "verification", Status: "processing", Progress: 40,
		Processed: 40_000, Total: 100_000, Message: "The IEC has answered for 40,000 of 100,000 people.",
		Timestamp: time.Now().UTC()}
	for {
		err := p.publish(ctx, j.owner.ID, m)
		if err == nil {
			j.seqs, j.stored = append(j.seqs, m.N), append(j.stored, time.Now())
			return nil
		}
		if serr := sleepUntil(ctx, time.Now().Add(50*time.Millisecond)); serr != nil {
			return errors.Join(serr, err)
		}
	}
}

// post sends a publication over HTTP.
func post(ctx context.Context, url string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := publisher.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	if err != nil {
		return err
	}
	var refused struct{ Error any }
	if err := json.Unmarshal(answer, &refused); err != nil || refused.Error != nil {
		return fmt.Errorf("publish: %s, %w", answer, err)
	}
	return nil
}

// publisher keeps a connection for each writer.
var publisher = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: maxWriters}, Timeout: 5 * time.Second}

// residentOf returns the resident memory of a process in bytes.
func residentOf(pid int) uint64 {
	return readResident(filepath.Join("/proc", fmt.Sprint(pid), "statm"))
}

// peakOf returns the most that a process has had resident, in bytes; 0 where the system
// does not say.
func peakOf(pid int) (bytes uint64) {
	text, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if n, err := fmt.Sscanf(line, "VmHWM: %d kB", &bytes); n == 1 && err == nil {
			return bytes << 10
		}
	}
	return 0
}
