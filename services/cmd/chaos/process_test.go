package chaos

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rollcall.example/events/eventstest"
)

// process is a program that is restarted whenever it ends, as by a supervisor.
type process struct {
	name string
	env  []string
	argv []string
	addr string // base URL of its health; "" for a program without
	// goroutines is where it tells how many it has; "" is nowhere.
	goroutines string
	// dial reaches addr; nil is this machine's way.
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// stop is the signal that ends it; 0 is SIGTERM.
	stop syscall.Signal
	log  logBuffer
	// exits counts how often it exited by itself, for instance because the database was
	// down when it started.
	exits  atomic.Int64
	killed atomic.Bool // the current run was killed

	mu  sync.Mutex // held while it must stay down, and while it is started
	cmd *exec.Cmd
}

// restartDelay is the pause before a program that exited by itself is restarted.
const restartDelay = 200 * time.Millisecond

// run keeps the program running until ctx ends, and then stops it.
func (p *process) run(ctx context.Context) error {
	for {
		if err := p.start(ctx); err != nil {
			return err
		}
		_ = p.cmd.Wait() // its log has the reason
		if ctx.Err() != nil {
			return nil
		}
		if p.killed.Swap(false) {
			continue
		}
		p.exits.Add(1)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(restartDelay):
		}
	}
}

func (p *process) start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	cmd.Cancel = func() error {
		if p.stop != 0 {
			return cmd.Process.Signal(p.stop)
		}
		return cmd.Process.Signal(syscall.SIGTERM)
	}
	cmd.WaitDelay = 20 * time.Second // then it is killed
	p.cmd = cmd
	err := cmd.Start()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// killFor kills the program and keeps it dead for a while. It returns false if the
// program was not running.
func (p *process) killFor(down time.Duration) (bool, error) {
	killed, err := p.kill()
	defer p.mu.Unlock()
	if killed {
		time.Sleep(down)
	}
	return killed, err
}

// kill kills the program and does not wait for its end. It stays down until p.mu is
// unlocked, which the caller does in any case. It returns false if the program was not
// running.
func (p *process) kill() (bool, error) {
	p.mu.Lock()
	p.killed.Store(true)
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		return false, nil
	}
	return err == nil, err
}

// standStill stops the program without its knowing, until ctx ends.
func (p *process) standStill(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.cmd.Process.Signal(syscall.SIGSTOP)
	<-ctx.Done()
	err = errors.Join(err, p.cmd.Process.Signal(syscall.SIGCONT))
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// pid is that of the current run.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// waitHealthy waits until the program reports that it is healthy.
func (p *process) waitHealthy(t *testing.T) {
	t.Helper()
	if p.addr == "" {
		return
	}
	via := &http.Transport{DialContext: p.dial, DisableKeepAlives: true}
	eventstest.WaitFor(t, 3*time.Minute, p.name+" to be healthy", func() bool {
		return getStatus(&http.Client{Transport: via, Timeout: 10 * time.Second}, p.addr+"/healthz") == http.StatusOK
	})
}

// logBuffer collects the output of a program.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
