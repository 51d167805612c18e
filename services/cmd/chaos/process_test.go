package chaos

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// process is a program that is started again whenever it ends, as a supervisor would.
type process struct {
	name string
	env  []string
	argv []string
	addr string // where it serves health; "" for one that is not asked
	log  buffer
	// ends counts how often it ended by itself, as it does when what it needs
	// is away as it starts.
	ends   atomic.Int64
	killed atomic.Bool // this run of it was killed

	gate sync.Mutex // held while it is to be down, and while it is started
	cmd  *exec.Cmd
}

// restartAfter is the pause before what ended by itself is started again.
const restartAfter = 200 * time.Millisecond

// run keeps the program running until ctx ends, and then stops it.
func (p *process) run(ctx context.Context) error {
	for {
		if err := p.start(ctx); err != nil {
			return err
		}
		_ = p.cmd.Wait() // how it ended is in its log
		if ctx.Err() != nil {
			return nil
		}
		if p.killed.Swap(false) {
			continue
		}
		p.ends.Add(1)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(restartAfter):
		}
	}
}

func (p *process) start(ctx context.Context) error {
	p.gate.Lock()
	defer p.gate.Unlock()
	cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second // then it is killed
	p.cmd = cmd
	err := cmd.Start()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// kill kills the program and leaves it dead for a while. It reports whether
// there was anything to kill.
func (p *process) kill(down time.Duration) (bool, error) {
	p.gate.Lock()
	defer p.gate.Unlock()
	p.killed.Store(true)
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		return false, nil
	}
	time.Sleep(down)
	return err == nil, err
}

// buffer collects what a program writes.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
