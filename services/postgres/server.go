package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const superuser = "rollcall"

// Config says where a private server keeps its data.
type Config struct {
	// Dir is the server's folder; it is made if need be.
	Dir string
	// Bin is the folder of PostgreSQL's programs; "" means to look for it.
	Bin string
	// Logger hears of recoveries; nil discards. The server's own log is Dir/postgres.log.
	Logger *slog.Logger
}

// Server is a private PostgreSQL, reached over a Unix socket only.
type Server struct {
	bin, dir, sock, password string
	account                  account
	logger                   *slog.Logger
	cmd                      *exec.Cmd
	done                     chan struct{}
	err                      error // set before done is closed
}

// Start makes the server's cluster when there is none, stops a server that an
// earlier process left behind, and returns when the server accepts connections.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	s := &Server{bin: cfg.Bin, logger: cfg.Logger, done: make(chan struct{})}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.bin == "" {
		if s.bin, err = findBinaries(); err != nil {
			return nil, fmt.Errorf("start postgresql: %w", err)
		}
	} else if !complete(s.bin) {
		return nil, fmt.Errorf("start postgresql: %s: %w", s.bin, ErrNoBinaries)
	}
	if err := s.start(ctx, cfg.Dir); err != nil {
		return nil, errors.Join(fmt.Errorf("start postgresql: %w", err), s.abandon())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, dir string) (err error) {
	if s.dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o711); err != nil {
		return err
	}
	if s.account, err = serverAccount(s.data()); err != nil {
		return err
	}
	if err := s.initialize(ctx); err != nil {
		return err
	}
	if err := s.stopEarlier(ctx); err != nil {
		return err
	}
	// A socket's path has room for about a hundred characters, so it cannot lie
	// in the data folder. Its folder is closed to all but the server's user and
	// root, and who gets through it needs the password.
	if s.sock, err = os.MkdirTemp("/tmp", "rollcall-pg-"); err != nil {
		return err
	}
	if err := s.account.own(s.sock); err != nil {
		return err
	}
	if err := s.launch(); err != nil {
		return err
	}
	return s.ready(ctx)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }
func (s *Server) log() string  { return filepath.Join(s.dir, "postgres.log") }

// initialize makes the cluster and its password once. The version file is what
// initdb writes last but one, so a cluster that was cut short is made anew.
func (s *Server) initialize(ctx context.Context) error {
	file := filepath.Join(s.dir, "password")
	password, err := os.ReadFile(file)
	if err == nil {
		s.password = strings.TrimSpace(string(password))
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The password file is written last: without it nobody has used the cluster.
	if err := os.RemoveAll(s.data()); err != nil {
		return err
	}
	if err := s.account.own(s.data()); err != nil {
		return err
	}
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	s.password = hex.EncodeToString(b)
	out, err := s.run(ctx, s.password, "initdb", "-D", s.data(), "-U", superuser, "--pwfile=/dev/stdin",
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums")
	if err != nil {
		return fmt.Errorf("initdb: %w: %s%s", err, tail(out), s.hint())
	}
	return os.WriteFile(file, []byte(s.password+"\n"), 0o600)
}

func (s *Server) hint() string {
	if !s.account.pass {
		return ""
	}
	return fmt.Sprintf(" (a folder above %s is closed to the user that PostgreSQL runs as; open it with chmod o+x or choose another data folder)", s.dir)
}

// stopEarlier stops a server on the same data whose rollcall is gone.
func (s *Server) stopEarlier(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(s.data(), "postmaster.pid")); err != nil {
		return nil // none, or none that postgres itself would not complain of
	}
	if _, err := s.run(ctx, "", "pg_ctl", "status", "-D", s.data()); err != nil {
		return nil // a stale file, which postgres replaces
	}
	s.logger.Warn("stopping the PostgreSQL that an earlier process left behind")
	if out, err := s.run(ctx, "", "pg_ctl", "stop", "-D", s.data(), "-m", "fast", "-w", "-t", "60"); err != nil {
		return fmt.Errorf("stop the earlier server: %w: %s", err, tail(out))
	}
	return nil
}

func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.SysProcAttr = s.account.attributes()
	cmd.Dir = "/" // the present folder may be closed to the server's user
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	return cmd
}

func (s *Server) run(ctx context.Context, stdin, name string, args ...string) (out []byte, err error) {
	cmd := s.command(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	onOwnThread(func() { out, err = cmd.CombinedOutput() })
	return out, err
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
	cmd := s.command(context.Background(), "postgres", "-D", s.data(),
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
				s.err = cmd.Wait()
			}
		})
	}()
	err = errors.Join(<-started, log.Close())
	if err == nil {
		s.cmd = cmd
	}
	return err
}

// ready waits until the server lets us in, and makes the database.
func (s *Server) ready(ctx context.Context) error {
	for {
		err := s.ensureDatabase(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("server stopped: %w: %s%s", s.exit(), tail(s.lastWords()), s.hint())
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w: %w", context.Cause(ctx), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) exit() error {
	if s.err == nil {
		return errors.New("exit status 0")
	}
	return s.err
}

func (s *Server) lastWords() []byte {
	out, err := os.ReadFile(s.log())
	if err != nil {
		return []byte(err.Error())
	}
	return out
}

// URL is what Open takes to reach the server.
func (s *Server) URL() string { return s.dsn("rollcall") }

func (s *Server) dsn(database string) string {
	return fmt.Sprintf("host=%s user=%s password=%s dbname=%s sslmode=disable", s.sock, superuser, s.password, database)
}

// Done is closed when the server has stopped, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop shuts the server down: clients are disconnected, what is committed is
// safe. When ctx ends first, it is stopped at once and recovers at the next start.
func (s *Server) Stop(ctx context.Context) error {
	if s.cmd == nil {
		return s.abandon()
	}
	s.signal(syscall.SIGINT)
	select {
	case <-s.done:
	case <-ctx.Done():
		s.logger.Warn("PostgreSQL does not stop, making it")
		s.signal(syscall.SIGQUIT)
		<-s.done
	}
	return os.RemoveAll(s.sock)
}

// signal fails only when the server has stopped by itself.
func (s *Server) signal(sig syscall.Signal) { _ = s.cmd.Process.Signal(sig) }

// abandon gives up a start that failed half way.
func (s *Server) abandon() error {
	if s.cmd != nil {
		s.signal(syscall.SIGQUIT)
		<-s.done
	}
	if s.sock == "" {
		return nil
	}
	return os.RemoveAll(s.sock)
}

func tail(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(len(lines)-5, 0):], " | ")
}
