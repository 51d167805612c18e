package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

const capDACReadSearch = 2 // CAP_DAC_READ_SEARCH

// canPassClosedFolders is true where a capability lets a process enter folders that
// its user may not.
const canPassClosedFolders = true

// sysProcAttr returns the attributes of the server's processes. A process group of
// its own keeps a Ctrl-C in the terminal away from the server, which rollcall still
// needs while it drains. When rollcall ends in any way, the kernel sends the
// parent-death signal, which starts a fast shutdown.
func (a account) sysProcAttr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
		if a.closedDir != "" {
			attr.AmbientCaps = []uintptr{capDACReadSearch}
		}
	}
	return attr
}

// commandLine returns the arguments of a living process, nil if there is none.
func commandLine(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil, nil
	}
	text = bytes.TrimRight(text, "\x00")
	if err != nil || len(text) == 0 { // a zombie's is empty
		return nil, err
	}
	return strings.Split(string(text), "\x00"), nil
}
