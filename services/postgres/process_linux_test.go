package postgres_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

const (
	// withoutCapability makes the child a root that may not pass on
	// CAP_DAC_READ_SEARCH, as in a container.
	withoutCapability = "POSTGRES_TEST_WITHOUT_CAPABILITY"

	prCapBoundDrop   = 24 // PR_CAPBSET_DROP
	capDACReadSearch = 2
)

func prepareChild() error {
	if os.Getenv(withoutCapability) == "" {
		return nil
	}
	if err := os.Unsetenv(withoutCapability); err != nil {
		return err
	}
	runtime.LockOSThread() // the bounding set is the thread's, and so the next program's
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prCapBoundDrop, capDACReadSearch, 0); errno != 0 {
		return fmt.Errorf("drop capability: %w", errno)
	}
	return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
}

// status is a line of the kernel's account of a process.
func status(t *testing.T, pid, name string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n"+name+":\t")
	if !found {
		t.Fatalf("no %s of process %s", name, pid)
	}
	line, _, _ := strings.Cut(rest, "\n")
	return line
}

func TestTheServerDiesWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	child, url := startChild(t, dir)
	pid := postmaster(t, dir)
	if pid == "" {
		t.Fatal("does not run: ", url)
	}
	kill(t, child)
	eventually(t, "the server stops", func() bool {
		_, err := os.Stat("/proc/" + pid)
		return os.IsNotExist(err) && postmaster(t, dir) == ""
	})
	start(t, dir)
	gone(t, socketFolder(t, url)) // the next start clears away what the kill left
}

func TestCtrlCIsNotTheServers(t *testing.T) {
	dir := t.TempDir()
	start(t, dir)
	if group := status(t, postmaster(t, dir), "NSpgid"); group == fmt.Sprint(syscall.Getpgrp()) {
		t.Errorf("the server is in the process group %s of the tests", group)
	}
}

// TestPrivileges checks whom the server runs as and what it may do: never root,
// and no more than the folder demands.
func TestPrivileges(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	open, err := os.MkdirTemp("/tmp", "rollcall-open-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(open); err != nil {
			t.Error(err)
		}
	})
	link := filepath.Join(open, "link") // an open way to a closed folder
	for _, err := range []error{os.Chmod(open, 0o711), os.Mkdir(closed, 0o700), os.Mkdir(filepath.Join(closed, "b"), 0o711), os.Symlink(filepath.Join(closed, "b"), link)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const none, search = "0000000000000000", "0000000000000004"
	for name, c := range map[string]struct{ dir, capabilities string }{
		"open":   {filepath.Join(open, "a"), none},
		"closed": {filepath.Join(closed, "a"), search},
		"link":   {link, search},
	} {
		t.Run(name, func(t *testing.T) {
			start(t, c.dir)
			pid := postmaster(t, c.dir)
			uid, _, _ := strings.Cut(status(t, pid, "Uid"), "\t")
			if os.Geteuid() != 0 {
				if uid != fmt.Sprint(os.Geteuid()) {
					t.Errorf("runs as user %s", uid)
				}
				c.capabilities = none
			} else if uid == "0" {
				t.Error("runs as root")
			}
			for _, set := range []string{"CapEff", "CapPrm", "CapAmb"} {
				if got := status(t, pid, set); got != c.capabilities {
					t.Errorf("%s %s, want %s", set, got, c.capabilities)
				}
			}
		})
	}
}

func TestAClosedFolderIsNamed(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(closed, "pg")
	if os.Geteuid() != 0 {
		start(t, dir) // the folder is ours, nothing has to be passed
		return
	}
	_, line := startChild(t, dir, withoutCapability+"=1")
	if !strings.HasPrefix(line, "failed:") || !strings.Contains(line, "chmod o+x "+closed+"`") {
		t.Error(line)
	}
}

func TestFilesThatChangedHands(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	do(t, s.URL(), "CREATE TABLE t AS SELECT 1 AS a")
	stop(t, s)
	err := filepath.WalkDir(filepath.Join(dir, "data"), func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, os.Geteuid(), os.Getegid()) // as after a restore
	})
	if err != nil {
		t.Fatal(err)
	}
	s = start(t, dir)
	if n := get(t, s.URL(), "SELECT count(*) FROM t"); n != "1" {
		t.Fatalf("%s rows", n)
	}
}
