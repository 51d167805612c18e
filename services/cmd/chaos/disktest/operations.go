//go:build linux

package disktest

import (
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// operations are what the kernel asks for.
type operations struct {
	names
	files
	others
}

type (
	names  struct{ *mounted } // operations on folders
	files  struct{ *mounted } // operations on files
	others struct{ fuse.RawFileSystem }
)

func newOperations(m *mounted) operations {
	return operations{names{m}, files{m}, others{fuse.NewDefaultRawFileSystem()}}
}

// String implements fuse.RawFileSystem.
func (operations) String() string { return "disktest" }

// keepFor is how long the kernel may believe what it was told: nobody else changes it.
const keepFor = time.Hour

func (n *node) describe(out *fuse.Attr) {
	*out = fuse.Attr{Ino: n.id, Mode: n.mode, Nlink: 1, Owner: n.owner, Blksize: 4096,
		Size: uint64(len(n.data)), Blocks: uint64(len(n.data)+SectorSize-1) / SectorSize}
	if n.isFolder() {
		out.Nlink = 2
	}
	out.SetTimes(&n.mtime, &n.mtime, &n.mtime)
}

// hand tells the kernel of a node.
func (m *mounted) hand(n *node, out *fuse.EntryOut) {
	n.known++
	m.nodes[n.id] = n
	out.NodeId, out.Generation = n.id, 1
	out.SetEntryTimeout(keepFor)
	out.SetAttrTimeout(keepFor)
	n.describe(&out.Attr)
}

// Lookup implements fuse.RawFileSystem, as all below.
func (m names) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	leave, ok := m.enter()
	defer leave()
	if !ok {
		return fuse.EIO
	}
	n := m.nodes[in.NodeId].names[name]
	if n == nil {
		return fuse.ENOENT
	}
	m.hand(n, out)
	return fuse.OK
}

// Forget is no operation: the kernel says it also without power.
func (m names) Forget(id, times uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.nodes[id]
	if n == nil || n == m.root {
		return
	}
	if n.known -= min(times, n.known); n.known == 0 {
		delete(m.nodes, id)
	}
}

func (m files) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	leave, ok := m.enter()
	defer leave()
	if !ok {
		return fuse.EIO
	}
	m.nodes[in.NodeId].describe(&out.Attr)
	out.SetTimeout(keepFor)
	return fuse.OK
}

func (m files) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	leave, ok := m.enter()
	defer leave()
	if !ok {
		return fuse.EIO
	}
	n := m.nodes[in.NodeId]
	if mode, ok := in.GetMode(); ok {
		n.mode = n.mode&syscall.S_IFMT | mode&0o7777
	}
	if uid, ok := in.GetUID(); ok {
		n.owner.Uid = uid
	}
	if gid, ok := in.GetGID(); ok {
		n.owner.Gid = gid
	}
	if size, ok := in.GetSize(); ok {
		n.resize(int64(size))
	}
	if at, ok := in.GetMTime(); ok {
		n.mtime = at
	}
	n.describe(&out.Attr)
	out.SetTimeout(keepFor)
	return fuse.OK
}

// make makes a file or a folder.
func (m names) make(in *fuse.InHeader, name string, mode uint32, out *fuse.EntryOut) (*node, fuse.Status) {
	leave, ok := m.enter()
	defer leave()
	folder := m.nodes[in.NodeId]
	switch {
	case !ok:
		return nil, fuse.EIO
	case folder.names[name] != nil:
		return nil, fuse.Status(syscall.EEXIST)
	}
	n := m.newNode(mode, in.Owner)
	m.apply(change{{folder, entry{name, n}}})
	m.hand(n, out)
	return n, fuse.OK
}

func (m names) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	if in.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return fuse.EPERM // no devices, no sockets
	}
	_, status := m.make(&in.InHeader, name, in.Mode, out)
	return status
}

func (m names) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	_, status := m.make(&in.InHeader, name, syscall.S_IFDIR|in.Mode&0o7777, out)
	return status
}

func (m names) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	_, status := m.make(&in.InHeader, name, syscall.S_IFREG|in.Mode&0o7777, &out.EntryOut)
	return status
}

func (m names) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	leave, ok := m.enter()
	defer leave()
	folder := m.nodes[in.NodeId]
	switch {
	case !ok:
		return fuse.EIO
	case folder.names[name] != nil:
		return fuse.Status(syscall.EEXIST)
	}
	n := m.nodes[in.Oldnodeid]
	m.apply(change{{folder, entry{name, n}}})
	m.hand(n, out)
	return fuse.OK
}

func (m names) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return m.remove(in, name)
}

func (m names) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return m.remove(in, name)
}

func (m names) remove(in *fuse.InHeader, name string) fuse.Status {
	leave, ok := m.enter()
	defer leave()
	if !ok {
		return fuse.EIO
	}
	folder := m.nodes[in.NodeId]
	switch n := folder.names[name]; {
	case n == nil:
		return fuse.ENOENT
	case len(n.names) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	m.apply(change{{folder, entry{name, nil}}})
	return fuse.OK
}

func (m names) Rename(_ <-chan struct{}, in *fuse.RenameIn, name, newName string) fuse.Status {
	leave, ok := m.enter()
	defer leave()
	from, to := m.nodes[in.NodeId], m.nodes[in.Newdir]
	const noReplace = 1
	switch target := to.names[newName]; {
	case !ok:
		return fuse.EIO
	case from.names[name] == nil:
		return fuse.ENOENT
	case in.Flags&^noReplace != 0:
		return fuse.EINVAL
	case target != nil && in.Flags == noReplace:
		return fuse.Status(syscall.EEXIST)
	case target != nil && len(target.names) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	m.apply(change{{to, entry{newName, from.names[name]}}, {from, entry{name, nil}}})
	return fuse.OK
}

func (m files) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	leave, ok := m.enter()
	defer leave()
	if !ok {
		return fuse.EIO
	}
	if in.Flags&syscall.O_TRUNC != 0 {
		m.nodes[in.NodeId].resize(0)
	}
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return fuse.OK
}

// Release has nothing to do: a node lives as long as somebody knows it.
func (m files) Release(<-chan struct{}, *fuse.ReleaseIn) {}

// Flush comes with each close, which is no sync.
func (m files) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }

func (m files) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	leave, ok := m.enter()
	defer leave()
	if !ok {
		return nil, fuse.EIO
	}
	data := m.nodes[in.NodeId].data
	n := copy(buf, data[min(in.Offset, uint64(len(data))):])
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

func (m files) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	leave, ok := m.enter()
	defer leave()
	if !ok {
		return 0, fuse.EIO
	}
	n := m.nodes[in.NodeId]
	n.write(int64(in.Offset), data)
	if in.Flags&syscall.O_DSYNC != 0 { // O_SYNC has its bit too
		m.syncNode(n)
	}
	return uint32(len(data)), fuse.OK
}

func (m files) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	leave, ok := m.enter()
	defer leave()
	if !ok {
		return fuse.EIO
	}
	m.syncNode(m.nodes[in.NodeId])
	return fuse.OK
}

func (m files) FsyncDir(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return m.Fsync(cancel, in)
}

func (m files) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	leave, ok := m.enter()
	defer leave()
	switch {
	case !ok:
		return fuse.EIO
	case in.Mode != 0:
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	n := m.nodes[in.NodeId]
	n.resize(max(int64(in.Offset+in.Length), int64(len(n.data))))
	return fuse.OK
}

func (m names) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	leave, ok := m.enter()
	defer leave()
	if !ok {
		return fuse.EIO
	}
	folder := m.nodes[in.NodeId]
	list := []entry{{".", folder}, {"..", folder}}
	for _, name := range slices.Sorted(maps.Keys(folder.names)) {
		list = append(list, entry{name, folder.names[name]})
	}
	m.lastFh++
	m.opened[m.lastFh], out.Fh = list, m.lastFh
	return fuse.OK
}

func (m names) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	leave, ok := m.enter()
	defer leave()
	if !ok {
		return fuse.EIO
	}
	list := m.opened[in.Fh]
	for _, e := range list[min(in.Offset, uint64(len(list))):] {
		if !out.AddDirEntry(fuse.DirEntry{Name: e.name, Ino: e.node.id, Mode: e.node.mode}) {
			break
		}
	}
	return fuse.OK
}

func (m names) ReleaseDir(in *fuse.ReleaseIn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.opened, in.Fh)
}

// StatFs tells of a disk with much room.
func (m files) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	const blocks = 1 << 28
	*out = fuse.StatfsOut{Blocks: blocks, Bfree: blocks, Bavail: blocks, Files: blocks, Ffree: blocks, Bsize: 4096,
		Frsize: 4096, NameLen: 255}
	return fuse.OK
}
