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

	"rollcall.example/events"
)

const (
	superuser = "rollcall"
	database  = "rollcall"
)

// Config says where a private server keeps its data.
type Config struct {
	// Dir is the server's folder; Start makes it if it is missing. One process at a
	// time may use it.
	Dir string
	// Bin is the folder of PostgreSQL's programs; "" means that Start looks for it.
	Bin string
	// Logger gets recoveries; nil discards. The server's own log is Dir/postgres.log.
	Logger *slog.Logger
}

// Server is a private PostgreSQL server. It listens on a Unix socket only.
type Server struct {
	bin, dir, socketDir, password string
	account                       account
	logger                        *slog.Logger
	lock                          *os.File
	logStart                      int64 // where this run's part of the log begins
	cmd                           *exec.Cmd
	stopping                      atomic.Bool
	done                          chan struct{}
	exit                          error // set before done is closed
}

// Start makes the cluster if there is none, stops a server that an earlier process
// left running, and returns when the new server accepts connections. The error is
// ErrNoBinaries if the machine has no PostgreSQL, and ErrInUse if another process
// uses the folder.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	s := &Server{logger: events.Logger(cfg.Logger), done: make(chan struct{})}
	if err := s.start(ctx, cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("start postgresql: %w", err), s.cleanUp())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, cfg Config) (err error) {
	if s.bin, err = findBinaries(cfg.Bin); err != nil {
		return err
	}
	if err := s.lockFolder(cfg.Dir); err != nil {
		return err
	}
	if s.account, err = serverAccount(s.dataDir()); err != nil {
		return err
	}
	if err := s.initCluster(ctx); err != nil {
		return err
	}
	if err := s.stopOrphan(ctx); err != nil {
		return err
	}
	if err := s.makeSocketFolder(); err != nil {
		return err
	}
	if err := s.launch(); err != nil {
		return err
	}
	return s.waitReady(ctx)
}

func (s *Server) dataDir() string { return filepath.Join(s.dir, "data") }
func (s *Server) logFile() string { return filepath.Join(s.dir, "postgres.log") }

// URL returns a key=value string for Open, as superuser.
func (s *Server) URL() string { return s.dsn(superuser, s.password, database) }

// RoleURL returns a key=value string for Open, as the role of a service whose
// password Grant set.
func (s *Server) RoleURL(service, password string) string {
	return s.dsn(Role(service), password, database)
}

// dsn names the port, because PGPORT in the environment would count otherwise.
func (s *Server) dsn(user, password, database string) string {
	return fmt.Sprintf("host=%s port=%s user=%s password=%s dbname=%s sslmode=disable", s.socketDir, port, user,
		password, database)
}

// Done is closed when the server has stopped, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err says why the server ended unexpectedly. It is nil while the server runs and
// after Stop.
func (s *Server) Err() error {
	select {
	case <-s.done:
		if !s.stopping.Load() {
			return s.exitError()
		}
	default:
	}
	return nil
}

// killAfter limits an immediate shutdown. PostgreSQL itself kills its children after
// 5 s of it.
const killAfter = 10 * time.Second

// Stop shuts the server down. It disconnects clients; committed data is safe. If ctx
// ends first, it forces an immediate shutdown, and the server recovers at its next
// start. Stop may be called again, and on a server that has ended.
func (s *Server) Stop(ctx context.Context) error {
	select {
	case <-s.done:
	default:
		s.stopping.Store(true)
		signal(s.cmd, syscall.SIGINT)
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		s.logger.WarnContext(ctx, "PostgreSQL did not shut down in time, forcing an immediate shutdown")
		s.stopAtOnce()
	}
	return s.release()
}

// stopAtOnce forces an immediate shutdown.
func (s *Server) stopAtOnce() {
	signal(s.cmd, syscall.SIGQUIT)
	select {
	case <-s.done:
	case <-time.After(killAfter):
		signal(s.cmd, syscall.SIGKILL)
		<-s.done
	}
}

// signal fails only if the server has ended.
func signal(cmd *exec.Cmd, sig syscall.Signal) { _ = cmd.Process.Signal(sig) }

// cleanUp ends what a failed Start has started.
func (s *Server) cleanUp() error {
	if s.cmd != nil {
		s.stopAtOnce()
	}
	return s.release()
}
