package postgres

import "syscall"

const capDACReadSearch = 2 // CAP_DAC_READ_SEARCH

// attributes are those of the server's processes. A group of its own keeps the
// terminal's Ctrl-C from the server before rollcall has drained. When the thread
// that started it dies, and so rollcall does, the kernel asks the server to
// stop (a fast shutdown): no server outlives its rollcall, however that ended.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
		if a.pass {
			attr.AmbientCaps = []uintptr{capDACReadSearch}
		}
	}
	return attr
}
