package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	fastShutdown  = 60 * time.Second
	checkOrphan   = 20 * time.Millisecond
	postmasterPID = "postmaster.pid"
)

// stopEarlier stops a server on the same data whose process was killed before
// it could. Its number may long be another process's, after a restart of the
// machine above all, so nothing is signalled that does not name the data.
func (s *Server) stopEarlier(ctx context.Context) error {
	file := filepath.Join(s.data(), postmasterPID)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return nil // cut short: postgres itself judges it
	}
	args, err := commandLine(pid)
	switch {
	case err != nil:
		return fmt.Errorf("look at process %d of %s: %w", pid, file, err)
	case len(args) == 0:
		return nil // a dead server's file, which postgres replaces
	case slices.Contains(args, s.data()):
		s.logger.Warn("stopping the PostgreSQL that an earlier process left behind", "pid", pid)
		return s.stopOrphan(ctx, pid)
	case strings.HasPrefix(filepath.Base(args[0]), "postgres"):
		return nil // perhaps ours in other words: postgres itself refuses or replaces it
	}
	// PostgreSQL would take any living process of its user for a server.
	s.logger.Warn("removing the PID file of a server that is gone", "pid", pid)
	return os.Remove(file)
}

func (s *Server) stopOrphan(ctx context.Context, pid int) error {
	ctx, cancel := context.WithTimeout(ctx, fastShutdown+killAfter)
	defer cancel()
	immediate := time.AfterFunc(fastShutdown, func() { _ = syscall.Kill(pid, syscall.SIGQUIT) }) // the loop sees if it was in vain
	defer immediate.Stop()
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop the earlier server, process %d: %w", pid, err)
	}
	for {
		args, err := commandLine(pid)
		if err != nil {
			return err
		}
		if !slices.Contains(args, s.data()) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stop the earlier server, process %d: %w", pid, ctx.Err())
		case <-time.After(checkOrphan):
		}
	}
}
