//go:build !linux

package postgres

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

const canPassClosedFolders = false

// sysProcAttr returns the attributes of the server's processes. A process group of
// its own keeps a Ctrl-C in the terminal away from the server, which rollcall still
// needs while it drains. If rollcall is killed, its next start stops the server.
func (a account) sysProcAttr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

// commandLine returns the arguments of a living process, nil if there is none. ps
// joins the arguments with spaces. The data folder may contain spaces, so the text
// between -D and -p is added as one argument.
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
