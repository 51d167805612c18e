//go:build unix

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"rollcall.example/events"
	"rollcall.example/gateway/auth"
)

// bench has the processes, the jobs and the clients.
type bench struct {
	load
	secret      string
	nats        *process
	gateway     *process
	http        *http.Client // of clients that poll
	addr        string       // of the gateway and of its replacement
	log         *events.Log
	peer        peer // nil when the gateway is measured
	jobs        []*job
	clients     []*client
	stopClients func() // nil before there are any
}

// process is one that this process has started.
type process struct {
	cmd *exec.Cmd
	in  io.Closer // nil of a peer, which is told by a signal
	// address is the line that it wrote first: where it can be reached.
	address string
}

func spawn(ctx context.Context, name string, env ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(append(os.Environ(), roleVariable+"="+name), env...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: it wrote no address: %w", name, err), in.Close(), cmd.Wait())
	}
	return &process{cmd: cmd, in: in, address: strings.TrimSpace(line)}, nil
}

// stop lets the process close what it has open, and waits for its end.
func (p *process) stop() {
	if p.in != nil {
		_ = p.in.Close() // fails only when it is closed already
	} else {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only when it has ended
	}
	_ = p.cmd.Wait() // how it ends no longer matters
}

// kill ends the process at once, as a crash would.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = p.cmd.Wait() // it was killed
	return nil
}

func start(ctx context.Context, l load) (b *bench, err error) {
	b = &bench{load: l, secret: rand.Text() + rand.Text(),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * l.Clients}}}
	defer func() {
		if err != nil {
			b.stop()
		}
	}()
	if l.Peer != "" {
		if b.addr, err = freeAddress(); err == nil {
			b.peer, err = newPeer(l.Peer, l.Programs, b.addr)
		}
		if err != nil {
			return nil, err
		}
		return b, b.startPeer(ctx)
	}
	if b.nats, err = spawn(ctx, "nats", dirVariable+"="+l.Dir, secretVariable+"="+b.secret); err != nil {
		return nil, err
	}
	if err := b.startGateway(ctx, "127.0.0.1:0"); err != nil {
		return nil, err
	}
	b.addr = b.gateway.address
	js, err := connectNATS(b.nats.address, "upload", b.secret)
	if err != nil {
		return nil, err
	}
	b.log = events.NewLog(js, events.StageUpload, newLogger())
	return b, nil
}

func (b *bench) startGateway(ctx context.Context, addr string) (err error) {
	b.gateway, err = spawn(ctx, "gateway", natsVariable+"="+b.nats.address, addrVariable+"="+addr,
		secretVariable+"="+b.secret)
	return err
}

func (b *bench) stop() {
	if b.stopClients != nil {
		b.stopClients()
	}
	b.http.CloseIdleConnections()
	if b.log != nil {
		b.log.JetStream().Conn().Close()
	}
	for _, p := range []*process{b.gateway, b.nats} {
		if p != nil {
			p.stop()
		}
	}
}

func (b *bench) readMemory(ctx context.Context) (m memory, err error) {
	if b.peer != nil {
		return memory{Resident: residentOf(b.gateway.cmd.Process.Pid)}, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.addr+"/memory", nil)
	if err != nil {
		return m, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return m, fmt.Errorf("read the gateway's memory: %w", err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		return m, fmt.Errorf("read the gateway's memory: %w", err)
	}
	return m, nil
}

func (b *bench) mintToken(user string) (string, error) {
	return auth.Mint(b.secret, user, "member", time.Hour, time.Now())
}
