package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal returns a terminal that shows on screen what is written to it.
func openTerminal(t *testing.T, screen io.Writer) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	var failed error
	if err := raw.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	tty, err := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(screen, master) // ends with an error when the terminal is closed
	}()
	t.Cleanup(func() {
		_ = tty.Close()
		_ = master.Close()
		<-done
	})
	return tty
}

// rollcallOnTerminal is rollcall with a person in front of it.
func rollcallOnTerminal(t *testing.T, args ...string) *program {
	t.Helper()
	screen := &syncBuffer{}
	tty := openTerminal(t, screen)
	p := &program{t: t, cmd: exec.Command(os.Args[0], args...), out: screen, err: &syncBuffer{}}
	p.cmd.Stdout, p.cmd.Stderr = tty, p.err
	p.start([]string{asRollcall + "=1"})
	return p
}

var signedIn = regexp.MustCompile(`/#token=[\w.-]+`)

// A token in a file, a pipe or a journal is there for all who can read that.
func TestUpPrintsALinkToATerminalOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := rollcall(t, nil, "up", "--addr", "127.0.0.1:0", "--data", dir)
	p.waitHealthy()
	p.wait("the last line", func() bool { return strings.Contains(p.out.String(), "for the NATS CLI") })
	file := filepath.Join(dir, "jwt-secret")
	how := "rollcall token --user alice --role national_admin --secret-file " + file
	if all := p.out.String() + p.err.String(); strings.Contains(all, "token=") || !strings.Contains(all, how) {
		t.Errorf("to a pipe it prints:\n%s", all)
	}
	// What it prints works.
	made := strings.TrimSpace(mustRun(t, strings.Fields(how)[1:]...))
	if out := mustRun(t, "jobs", "--server", p.url(), "--token", made); strings.Contains(out, "job-") {
		t.Errorf("jobs:\n%s", out)
	}
	p.stop(syscall.SIGTERM)

	p = rollcallOnTerminal(t, "up", "--addr", "127.0.0.1:0", "--data", dir)
	p.waitHealthy()
	p.wait("the link", func() bool { return signedIn.MatchString(p.out.String()) })
	if strings.Contains(p.err.String(), "token=") {
		t.Errorf("the log has the token:\n%s", p.err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url()+"/api/v1/bulk-upload/history", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimPrefix(signedIn.FindString(p.out.String()), "/#token="))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the link's token: %s", resp.Status)
	}
}

func TestDemoPrintsNoTokenToAPipe(t *testing.T) {
	t.Parallel()
	p := rollcall(t, nil, "demo", "--keep", "--dir", t.TempDir())
	p.wait("its end", func() bool { return strings.Contains(p.out.String(), "Ctrl-C ends it") })
	if all := p.out.String() + p.err.String(); strings.Contains(all, "token=") ||
		!strings.Contains(all, "The job in the console: http") {
		t.Errorf("to a pipe it prints:\n%s", all)
	}
}

// The link that up prints signs in.
func TestConsoleSignsInWithTheLinkOfUp(t *testing.T) {
	p := rollcallOnTerminal(t, "up", "--addr", "127.0.0.1:0", "--data", t.TempDir())
	p.waitHealthy()
	var link string
	p.wait("the link", func() bool {
		link = signedIn.FindString(p.out.String())
		return link != ""
	})
	b := openTab(t, p.url())
	b.open(link)
	b.waitForText("Signed in as you")
	b.waitFor(`document.querySelector(".connection").dataset.state === "open"`)
	if strings.Contains(b.address(), "token") {
		t.Error("the token is still in the address")
	}
}
