package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rollcall.example/gateway/auth"
)

// bench has the folder of the binary, the rolls and rollcall's data.
type bench struct {
	dir string
	// iec is the simulator's URL. It runs in a process of its own, so that its memory
	// does not count as rollcall's.
	iec string
	// env is added to the environment of each process.
	env []string
}

func (b *bench) binary() string { return filepath.Join(b.dir, "rollcall") }

// build compiles rollcall.
func (b *bench) build(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.binary(),
		"rollcall.example/services/cmd/rollcall").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// process is a program that runs.
type process struct {
	name string // of an installation's
	cmd  *exec.Cmd
	// url is the address that it prints.
	url  string
	done chan struct{} // closed when it has ended, with err
	err  error
}

// startCommand starts a command of rollcall and waits until it prints its address.
func (b *bench) startCommand(ctx context.Context, args ...string) (*process, error) {
	url := make(chan string, 1)
	cmd := exec.Command(b.binary(), append([]string{"--log-level", "warn"}, args...)...)
	p, err := b.startProgram(cmd, url)
	if err != nil {
		return nil, err
	}
	select {
	case p.url = <-url:
		return p, nil
	case <-p.done:
		return nil, fmt.Errorf("rollcall %s: ended: %w", args[0], p.err)
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), p.stop())
	}
}

// startProgram starts a program. url, if not nil, gets the first address that it prints.
func (b *bench) startProgram(cmd *exec.Cmd, url chan<- string) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.Env = append(os.Environ(), b.env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if _, found, ok := strings.Cut(lines.Text(), " is up on "); ok && url != nil {
				url <- found
				url = nil
			}
		}
		_, drained := io.Copy(io.Discard, out)
		p.err = errors.Join(lines.Err(), drained, p.cmd.Wait())
	}()
	return p, nil
}

// stop asks the process to end and waits until it has.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return p.err
}

// peakMemory returns the peak of the process's resident memory in bytes, as Linux
// counts it, without PostgreSQL's processes.
func (p *process) peakMemory() (int64, error) { return peakOf(p.cmd.Process.Pid) }

func peakOf(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for text := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(text, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("read peak memory: /proc has no VmHWM")
}

// startUp starts rollcall up on the data of earlier runs, with a quota that no job
// has to wait for.
func (b *bench) startUp(ctx context.Context, args ...string) (*server, error) {
	data := filepath.Join(b.dir, "data")
	p, err := b.startCommand(ctx, append([]string{"up", "--addr", "127.0.0.1:0", "--data", data, "--iec-url", b.iec,
		"--iec-quota", "1000000000", "--iec-concurrency", "64", "--max-file-size", "1GB", "--user-uploads", "100000",
		"--user-jobs", "100000", "--user-transfers", "1000", "--user-storage", "1000GB"}, args...)...)
	if err != nil {
		return nil, err
	}
	secret, err := os.ReadFile(filepath.Join(data, "jwt-secret"))
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	token, err := auth.Mint(strings.TrimSpace(string(secret)), "bench", "national_admin", 24*time.Hour, time.Now())
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	s := &server{process: p, token: token}
	if err := s.waitReady(ctx); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return s, nil
}

// waitReady waits until rollcall says that it is ready, for half a minute at most: it names
// its address before that.
func (s *server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			err = resp.Body.Close()
		}
		if err == nil && resp.StatusCode == http.StatusOK {
			return nil
		}
		if werr := wait(ctx, 20*time.Millisecond); werr != nil {
			return errors.Join(fmt.Errorf("rollcall is not ready: %w", werr), err)
		}
	}
}
