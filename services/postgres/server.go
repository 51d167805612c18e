package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	superuser = "rollcall"
	database  = "rollcall"
)

// Config says where a private server keeps its data.
type Config struct {
	// Dir is the server's folder; it is made if need be. One process at a time
	// may use it.
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
	lock                     *os.File
	logFrom                  int64 // where this run's part of the log begins
	cmd                      *exec.Cmd
	stopping                 atomic.Bool
	done                     chan struct{}
	exit                     error // set before done is closed
}

// Start makes the server's cluster when there is none, stops a server that an
// earlier process left behind, and returns when the server accepts connections.
// Without PostgreSQL on the machine the error is ErrNoBinaries, and ErrInUse when
// another process has the folder.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	s := &Server{logger: cfg.Logger, done: make(chan struct{})}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if err := s.start(ctx, cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("start postgresql: %w", err), s.abandon())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, cfg Config) (err error) {
	if s.bin, err = binaries(cfg.Bin); err != nil {
		return err
	}
	if err := s.enter(cfg.Dir); err != nil {
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
	if err := s.makeSocketFolder(); err != nil {
		return err
	}
	if err := s.launch(); err != nil {
		return err
	}
	return s.ready(ctx)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }
func (s *Server) log() string  { return filepath.Join(s.dir, "postgres.log") }

// URL is what Open takes to reach the server.
func (s *Server) URL() string { return s.dsn(superuser, s.password, database) }

// RoleURL is URL for the role of a service that Grant gave the password.
func (s *Server) RoleURL(service, password string) string {
	return s.dsn(Role(service), password, database)
}

// dsn names the port too: without it PGPORT of the environment would count.
func (s *Server) dsn(user, password, database string) string {
	return fmt.Sprintf("host=%s port=%s user=%s password=%s dbname=%s sslmode=disable", s.sock, port, user, password, database)
}

// Done is closed when the server has stopped, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err says why the server stopped by itself. It is nil while the server runs
// and when Stop stopped it.
func (s *Server) Err() error {
	select {
	case <-s.done:
		if !s.stopping.Load() {
			return s.died()
		}
	default:
	}
	return nil
}

// killAfter is how long an immediate shutdown may take. PostgreSQL itself kills
// its children after 5 s of it.
const killAfter = 10 * time.Second

// Stop shuts the server down: clients are disconnected, what is committed is
// safe. When ctx ends first, it is stopped at once and recovers at the next
// start. Stop may be called again, and on a server that died.
func (s *Server) Stop(ctx context.Context) error {
	select {
	case <-s.done:
	default:
		s.stopping.Store(true)
		s.signal(syscall.SIGINT)
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		s.logger.Warn("PostgreSQL does not stop, making it")
		s.quit()
	}
	return s.leave()
}

// quit is an immediate shutdown.
func (s *Server) quit() {
	s.signal(syscall.SIGQUIT)
	select {
	case <-s.done:
	case <-time.After(killAfter):
		s.signal(syscall.SIGKILL)
		<-s.done
	}
}

// signal fails only when the server has stopped by itself.
func (s *Server) signal(sig syscall.Signal) { _ = s.cmd.Process.Signal(sig) }

// abandon gives up a start that failed half way.
func (s *Server) abandon() error {
	if s.cmd != nil {
		s.quit()
	}
	return s.leave()
}
