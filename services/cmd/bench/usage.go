package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what processes of one name use: two replicas of a service count together.
type usage struct {
	// memory is resident, in bytes. Memory that processes of PostgreSQL share counts once.
	memory int64
	// cpu is the processor time since their start.
	cpu time.Duration
}

// usedCPU returns the processor time of rollcall and its PostgreSQL.
func (b *bench) usedCPU(s *server) (time.Duration, error) {
	database, err := measurePostgres(filepath.Join(b.dir, "data", "postgres"))
	if err != nil {
		return 0, err
	}
	own, err := readCPU(s.cmd.Process.Pid, false)
	return database.cpu + own, err
}

// measureUsage returns what the processes of an installation use, by name.
func (in *installation) measureUsage() (map[string]usage, error) {
	all := map[string]usage{}
	for _, p := range in.processes {
		u := all[p.name]
		memory, err := readPages(p.cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		cpu, err := readCPU(p.cmd.Process.Pid, false)
		if err != nil {
			return nil, err
		}
		all[p.name] = usage{u.memory + memory, u.cpu + cpu}
	}
	var err error
	all["postgresql"], err = measurePostgres(filepath.Join(in.b.dir, "postgres"))
	return all, err
}

// clients is the name of the processes that are not of the installation: the followers, and
// this one, which uploads.
const clients = "the clients"

// measurePostgres adds up the processes of the private PostgreSQL in a folder.
func measurePostgres(dir string) (u usage, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return u, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	parent, err := strconv.Atoi(first)
	if err != nil {
		return u, err
	}
	if u.cpu, err = readCPU(parent, true); err != nil {
		return u, err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", parent))
	if err != nil {
		return u, err
	}
	for _, pid := range append(strings.Fields(string(children)), first) {
		n, err := strconv.Atoi(pid)
		if err != nil {
			return u, err
		}
		memory, err := readShare(n)
		if hasEnded(err) {
			continue // a backend has ended
		}
		if err != nil {
			return u, err
		}
		u.memory += memory
		if n == parent {
			continue
		}
		cpu, err := readCPU(n, false)
		if hasEnded(err) {
			continue // it counts with its parent from now on
		}
		if err != nil {
			return u, err
		}
		u.cpu += cpu
	}
	return u, nil
}

// used returns the processor time between two measurements, by process and in all of an
// installation's own, which are all but the clients.
func used(before, after map[string]usage) (byName map[string]time.Duration, own time.Duration) {
	byName = map[string]time.Duration{}
	for name, u := range after {
		byName[name] = u.cpu - before[name].cpu
		if name != clients {
			own += byName[name]
		}
	}
	return byName, own
}

// hasEnded reports whether an error of /proc means that the process is no more.
func hasEnded(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// readPages returns the resident memory of a process.
func readPages(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, errors.New("read memory: /proc has no resident pages")
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// readShare returns the resident memory of a process, with its share of what others use too.
func readShare(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "Pss:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("process %d: %w", pid, os.ErrNotExist) // it has no memory any more
}

// clockTick is the unit of processor time in /proc.
const clockTick = 10 * time.Millisecond

// readCPU returns the processor time of a process, if asked with that of its ended children.
func readCPU(pid int, children bool) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in brackets, may have spaces.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 15 {
		return 0, errors.New("read processor time: /proc has none")
	}
	counted := fields[11:13]
	if children {
		counted = fields[11:15]
	}
	ticks := 0
	for _, field := range counted {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// watchMemory notes the peak of each process's memory, once a second, until ctx ends.
func (in *installation) watchMemory(ctx context.Context) (peaks map[string]int64, err error) {
	peaks = map[string]int64{}
	for {
		all, err := in.measureUsage()
		if err != nil {
			return nil, err
		}
		for name, u := range all {
			peaks[name] = max(peaks[name], u.memory)
		}
		if wait(ctx, time.Second) != nil {
			return peaks, nil
		}
	}
}
