package main

import (
	"fmt"
	"io"
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

var setUpLink = regexp.MustCompile(`http://\S+/#setup=\w+`)

// A link in a pipe or a journal is there for all who can read that.
func TestUpPrintsALinkToATerminalOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := rollcall(t, nil, "up", "--addr", "127.0.0.1:0", "--data", dir)
	p.waitHealthy()
	p.wait("the last line", func() bool { return strings.Contains(p.out.String(), "for the NATS CLI") })
	how := "rollcall token --user alice --role national_admin --secret-file " + filepath.Join(dir, "jwt-secret")
	file := filepath.Join(dir, "password-link")
	if all := p.out.String() + p.err.String(); strings.Contains(all, "setup=") || strings.Contains(all, "token=") ||
		!strings.Contains(all, how) || !strings.Contains(all, "the link in "+file) {
		t.Errorf("to a pipe it prints:\n%s", all)
	}
	// What it prints works.
	made := strings.TrimSpace(mustRun(t, strings.Fields(how)[1:]...))
	if out := mustRun(t, "jobs", "--server", p.url(), "--token", made); strings.Contains(out, "job-") {
		t.Errorf("jobs:\n%s", out)
	}
	checkMode(t, file, 0o600)
	if text, err := os.ReadFile(file); err != nil || !setUpLink.Match(text) {
		t.Errorf("%s has %q %v", file, text, err)
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

// A newcomer sets a password with the link that up prints, once, and signs in with it from then on.
func TestANewcomerSetsAPasswordAndSignsIn(t *testing.T) {
	inEachBrowser(t, setPassword)
}

func setPassword(t *testing.T, open func(t *testing.T, url string) *page) {
	p := rollcallOnTerminal(t, "up", "--addr", "127.0.0.1:0", "--data", t.TempDir())
	p.waitHealthy()
	var link string
	p.wait("the link", func() bool {
		link = setUpLink.FindString(p.out.String())
		return link != ""
	})
	const password = "four words nobody expects"
	b := open(t, p.url())
	b.open(strings.TrimPrefix(link, p.url()))
	b.waitForText("Set your password")
	if strings.Contains(b.address(), "setup") {
		t.Error("the code is still in the address")
	}
	b.screenshot("42-set-password")
	b.expect("Failed to load resource") // the browser reports refusals
	enter := func(selector, text string) {
		b.set(selector, text, "input")
	}
	enter("#password", "too short")
	enter("#again", "too short")
	b.click("Set the password and sign in")
	b.waitForText("at least 15 characters")
	enter("#password", password)
	b.click("Set the password and sign in")
	b.waitForText("The two are not the same")
	enter("#again", password)
	b.click("Set the password and sign in")
	b.waitForText("Signed in as admin")
	b.click("Sign out")
	b.waitFor(`document.activeElement.id === "password"`)
	b.screenshot("43-password")
	enter("#password", "some other password")
	b.click("Sign in")
	b.waitForText("This password is not right")
	enter("#password", password)
	b.click("Sign in")
	b.waitForText("Signed in as admin")
	b.waitFor(`document.querySelector(".connection").dataset.state === "open"`)

	// The link is good once.
	b.click("Sign out")
	b.waitFor(`document.activeElement.id === "password"`)
	b.open("/#/")
	b.open(strings.TrimPrefix(link, p.url()))
	b.waitFor(`document.querySelector("#password") && !document.querySelector("#again")`)

	// The terminal signs in with it too.
	file := filepath.Join(t.TempDir(), "credentials.json")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "login", "--server", p.url(), "--credentials", file)
	cmd.Env = append(os.Environ(), asRollcall+"=1")
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "as admin (national_admin)") {
		t.Errorf("%v\n%s", err, out)
	}
	mustRun(t, "jobs", "--server", p.url(), "--credentials", file)
}
