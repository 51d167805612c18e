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
	port = "5432" // a part of the socket's name, no more

	betweenAttempts      = 10 * time.Millisecond
	waitForGrandchildren = 5 * time.Second
)

func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.SysProcAttr = s.account.attributes()
	cmd.Dir = "/" // the present folder may be closed to the server's user
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.WaitDelay = waitForGrandchildren
	return cmd
}

func (s *Server) run(ctx context.Context, name string, args ...string) (out []byte, err error) {
	cmd := s.command(ctx, name, args...)
	onOwnThread(func() { out, err = cmd.CombinedOutput() })
	return out, s.refused(err)
}

// onOwnThread runs f on a thread that lives until f returns. The signal that
// ends a child with its parent comes when the thread dies that started it, and
// Go ends threads as it likes.
func onOwnThread(f func()) {
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
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if s.logFrom, err = log.Seek(0, io.SeekEnd); err != nil {
		return errors.Join(err, log.Close())
	}
	cmd := s.command(context.Background(), "postgres", "-D", s.data(), "-p", port,
		"-c", "listen_addresses=", "-c", "unix_socket_directories="+s.sock,
		// Statements and details would carry ID numbers into the log.
		"-c", "log_min_error_statement=panic", "-c", "log_error_verbosity=terse")
	cmd.Stdout, cmd.Stderr = log, log
	started := make(chan error)
	go func() {
		defer close(s.done)
		onOwnThread(func() {
			err := cmd.Start()
			started <- err
			if err == nil {
				s.exit = cmd.Wait()
			}
		})
	}()
	err = s.refused(<-started)
	if err == nil {
		s.cmd = cmd
	}
	return errors.Join(err, log.Close())
}

// refused explains why the system would not start a program that has to pass a
// closed folder.
func (s *Server) refused(err error) error {
	if s.account.closed != "" && errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("%w: %w", s.account.closedError(), err)
	}
	return err
}

// ready waits until the server lets us in and has the database.
func (s *Server) ready(ctx context.Context) error {
	for {
		err := s.ensureDatabase(ctx)
		if err == nil {
			return nil
		}
		if code := errorCode(err); code != "" && code != pqerror.CannotConnectNow {
			return err // waiting mends no other answer of the server
		}
		select {
		case <-s.done:
			return s.died()
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w: %w", context.Cause(ctx), err)
		case <-time.After(betweenAttempts):
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

// execute connects, and runs a statement if there is one.
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

// errorCode is the code of an error that the server answered with, else "".
func errorCode(err error) pqerror.Code {
	var known *pq.Error
	if errors.As(err, &known) {
		return known.Code
	}
	return ""
}

// died tells how a server ended that nobody stopped.
func (s *Server) died() error {
	exit := s.exit
	if exit == nil {
		exit = errors.New("exit status 0")
	}
	return fmt.Errorf("server stopped by itself: %w: %s", exit, s.lastWords())
}

// lastWords are the last lines that this run of the server logged.
func (s *Server) lastWords() string {
	text, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	return tail(text[min(s.logFrom, int64(len(text))):])
}

func tail(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(len(lines)-5, 0):], " | ")
}
