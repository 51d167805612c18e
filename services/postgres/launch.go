package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

const (
	port = "5432" // only a part of the socket's name

	retryEvery  = 10 * time.Millisecond
	outputDelay = 5 * time.Second
)

func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.SysProcAttr = s.account.sysProcAttr()
	cmd.Dir = "/" // the server's user may not be allowed into the current folder
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.WaitDelay = outputDelay
	return cmd
}

func (s *Server) run(ctx context.Context, name string, args ...string) (out []byte, err error) {
	cmd := s.command(ctx, name, args...)
	runOnOwnThread(func() { out, err = cmd.CombinedOutput() })
	return out, s.explainRefusal(err)
}

// runOnOwnThread runs f on a thread that lives until f returns. The kernel sends
// the parent-death signal when the thread that started the child ends, and Go may
// end a thread at any time.
func runOnOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		f()
	}()
	<-done
}

func (s *Server) launch() error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if s.logStart, err = log.Seek(0, io.SeekEnd); err != nil {
		return errors.Join(err, log.Close())
	}
	cmd := s.command(context.Background(), "postgres", "-D", s.dataDir(), "-p", port,
		"-c", "listen_addresses=", "-c", "unix_socket_directories="+s.socketDir,
		// Statements and details would write ID numbers to the log.
		"-c", "log_min_error_statement=panic", "-c", "log_error_verbosity=terse")
	cmd.Stdout, cmd.Stderr = log, log
	started := make(chan error)
	go func() {
		defer close(s.done)
		runOnOwnThread(func() {
			err := cmd.Start()
			started <- err
			if err == nil {
				s.exit = cmd.Wait()
			}
		})
	}()
	err = s.explainRefusal(<-started)
	if err == nil {
		s.cmd = cmd
	}
	return errors.Join(err, log.Close())
}

// explainRefusal adds the closed folder to an error of starting a program that has
// to pass it.
func (s *Server) explainRefusal(err error) error {
	if s.account.closedDir != "" && errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("%w: %w", s.account.closedError(), err)
	}
	return err
}

// waitReady waits until the server accepts connections and has the database.
func (s *Server) waitReady(ctx context.Context) error {
	for {
		err := s.ensureDatabase(ctx)
		if err == nil {
			return nil
		}
		if code := errorCode(err); code != "" && code != pqerror.CannotConnectNow {
			return err // any other answer of the server stays the same
		}
		select {
		case <-s.done:
			return s.exitError()
		case <-ctx.Done():
			return fmt.Errorf("wait for server: %w: %w", context.Cause(ctx), err)
		case <-time.After(retryEvery):
		}
	}
}

func (s *Server) ensureDatabase(ctx context.Context) error {
	err := execute(ctx, s.URL(), "")
	if errorCode(err) == pqerror.InvalidCatalogName {
		err = execute(ctx, s.dsn(superuser, s.password, "postgres"), "CREATE DATABASE "+database)
	}
	return err
}

// execute connects, and runs statement unless it is "".
func execute(ctx context.Context, url, statement string) error {
	db, err := Open(ctx, url)
	if err != nil {
		return err
	}
	if statement != "" {
		_, err = db.ExecContext(ctx, statement)
	}
	return errors.Join(err, db.Close())
}

// errorCode returns the code of an error that the server sent, "" for another error.
func errorCode(err error) pqerror.Code {
	var known *pq.Error
	if errors.As(err, &known) {
		return known.Code
	}
	return ""
}

// exitError says how the server ended without being stopped.
func (s *Server) exitError() error {
	exit := s.exit
	if exit == nil {
		exit = errors.New("exit status 0")
	}
	return fmt.Errorf("server ended unexpectedly: %w: %s", exit, s.lastLogLines())
}

// lastLogLines returns the last lines that this run of the server logged.
func (s *Server) lastLogLines() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return lastLines(text[min(s.logStart, int64(len(text))):])
}

func lastLines(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(len(lines)-5, 0):], " | ")
}
