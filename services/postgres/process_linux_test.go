package postgres_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"rollcall.example/events/eventstest"
)

const (
	// withoutCapability makes the child drop CAP_DAC_READ_SEARCH, so that it runs as
	// root in a container does.
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
	runtime.LockOSThread() // the bounding set belongs to the thread, and Exec keeps it
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prCapBoundDrop, capDACReadSearch, 0); errno != 0 {
		return fmt.Errorf("drop capability: %w", errno)
	}
	return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
}

// processStatus returns a line of /proc/PID/status.
func processStatus(t *testing.T, pid, name string) string {
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

func TestServerEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	child, url := startChild(t, dir)
	pid := postmasterPID(t, dir)
	if pid == "" {
		t.Fatal("the server does not run: ", url)
	}
	killChild(t, child)
	eventstest.WaitFor(t, 20*time.Second, "the server to stop", func() bool {
		_, err := os.Stat("/proc/" + pid)
		return os.IsNotExist(err) && postmasterPID(t, dir) == ""
	})
	start(t, dir)
	checkRemoved(t, socketFolder(t, url)) // the next start removes what the killed server left
}

func TestServerHasItsOwnProcessGroup(t *testing.T) {
	dir := t.TempDir()
	start(t, dir)
	if group := processStatus(t, postmasterPID(t, dir), "NSpgid"); group == fmt.Sprint(syscall.Getpgrp()) {
		t.Errorf("the server is in the process group %s of the tests", group)
	}
}

// The server never runs as root, and has no more capabilities than its folder needs.
func TestServerHasFewPrivileges(t *testing.T) {
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
	link := filepath.Join(open, "link") // a link in an open folder to a closed one
	for _, err := range []error{os.Chmod(open, 0o711), os.Mkdir(closed, 0o700),
		os.Mkdir(filepath.Join(closed, "b"), 0o711), os.Symlink(filepath.Join(closed, "b"), link)} {
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
			pid := postmasterPID(t, c.dir)
			uid, _, _ := strings.Cut(processStatus(t, pid, "Uid"), "\t")
			if os.Geteuid() != 0 {
				if uid != fmt.Sprint(os.Geteuid()) {
					t.Errorf("runs as user %s", uid)
				}
				c.capabilities = none
			} else if uid == "0" {
				t.Error("runs as root")
			}
			for _, set := range []string{"CapEff", "CapPrm", "CapAmb"} {
				if got := processStatus(t, pid, set); got != c.capabilities {
					t.Errorf("%s %s, want %s", set, got, c.capabilities)
				}
			}
		})
	}
}

func TestErrorNamesTheClosedFolder(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(closed, "pg")
	if os.Geteuid() != 0 {
		start(t, dir) // the folder is ours, so the server may enter it
		return
	}
	_, line := startChild(t, dir, withoutCapability+"=1")
	if !strings.HasPrefix(line, "failed:") || !strings.Contains(line, "chmod o+x "+closed+"`") {
		t.Error(line)
	}
}

func TestStartTakesBackFilesOfAnotherOwner(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	execSQL(t, s.URL(), "CREATE TABLE t AS SELECT 1 AS a")
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
	if n := querySQL(t, s.URL(), "SELECT count(*) FROM t"); n != "1" {
		t.Fatalf("%s rows", n)
	}
}
