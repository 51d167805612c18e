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

// mayPass says that there is a way through closed folders.
const mayPass = true

// attributes are those of the server's processes. A group of its own keeps the
// terminal's Ctrl-C from the server before rollcall has drained. When the thread
// that started it dies, and so rollcall does, the kernel asks the server to
// stop (a fast shutdown): no server outlives its rollcall, however that ended.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
		if a.closed != "" {
			attr.AmbientCaps = []uintptr{capDACReadSearch}
		}
	}
	return attr
}

// commandLine is that of a living process, nil if there is none.
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
