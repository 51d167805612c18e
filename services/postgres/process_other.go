//go:build !linux

package postgres

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

const mayPass = false

// attributes are those of the server's processes. A group of its own keeps the
// terminal's Ctrl-C from the server before rollcall has drained. A server whose
// rollcall was killed is stopped at the next start.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

// commandLine is that of a living process, nil if there is none. ps joins the
// arguments with blanks; the data folder, which may contain some, is added as
// what stands between -D and -p.
func commandLine(pid int) ([]string, error) {
	out, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, nil // ps knows no such process
	}
	line := strings.TrimSpace(string(out))
	if err != nil || line == "" {
		return nil, err
	}
	args := strings.Fields(line)
	if _, rest, ok := strings.Cut(line, " -D "); ok {
		data, _, _ := strings.Cut(rest, " -p ")
		args = append(args, data)
	}
	return args, nil
}
