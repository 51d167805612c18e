//go:build !linux

package postgres

import "syscall"

// attributes are those of the server's processes. A group of its own keeps the
// terminal's Ctrl-C from the server before rollcall has drained.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}
