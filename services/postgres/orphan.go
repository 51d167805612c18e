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
	pollOrphan    = 20 * time.Millisecond
	postmasterPID = "postmaster.pid"
)

// stopOrphan stops a server that an earlier, killed process left running on the
// same data. The process ID in the file may belong to another process by now,
// above all after a restart of the machine. So it signals only a process whose
// command line names the data folder.
func (s *Server) stopOrphan(ctx context.Context) error {
	file := filepath.Join(s.dataDir(), postmasterPID)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return nil // a truncated file; postgres itself handles it
	}
	args, err := commandLine(pid)
	switch {
	case err != nil:
		return fmt.Errorf("read command line of process %d, named in %s: %w", pid, file, err)
	case len(args) == 0:
		return nil // a dead server's file; postgres replaces it
	case slices.Contains(args, s.dataDir()):
		s.logger.WarnContext(ctx, "stopping an orphaned PostgreSQL server", "pid", pid)
		return s.shutDownOrphan(ctx, pid)
	case strings.HasPrefix(filepath.Base(args[0]), "postgres"):
		return nil // perhaps ours under another name; postgres itself refuses or replaces it
	}
	// PostgreSQL takes any living process of its user for a server.
	s.logger.WarnContext(ctx, "removing the PID file of a dead PostgreSQL server", "pid", pid)
	return os.Remove(file)
}

func (s *Server) shutDownOrphan(ctx context.Context, pid int) error {
	ctx, cancel := context.WithTimeout(ctx, fastShutdown+killAfter)
	defer cancel()
	// The loop below sees whether the signal had an effect.
	immediate := time.AfterFunc(fastShutdown, func() { _ = syscall.Kill(pid, syscall.SIGQUIT) })
	defer immediate.Stop()
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop orphaned server, process %d: %w", pid, err)
	}
	for {
		args, err := commandLine(pid)
		if err != nil {
			return err
		}
		if !slices.Contains(args, s.dataDir()) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stop orphaned server, process %d: %w", pid, ctx.Err())
		case <-time.After(pollOrphan):
		}
	}
}
