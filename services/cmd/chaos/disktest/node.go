//go:build linux

package disktest

import (
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is a file or a folder.
type node struct {
	id    uint64
	mode  uint32
	owner fuse.Owner
	mtime time.Time
	known uint64 // how many references the kernel has

	// Of a file: what programs see, what is on the disk, and the sectors that may differ.
	data, stored []byte
	dirty        map[int64]bool

	// Of a folder: what programs see, and what is on the disk.
	names, storedNames map[string]*node
}

// entry is a name in a folder.
type entry struct {
	name string
	node *node
}

// change is what an operation did to names, all of it or nothing.
type change []setting

// setting gives a name of a folder to a node; nil removes the name.
type setting struct {
	folder *node
	entry
}

func (m *mounted) newNode(mode uint32, owner fuse.Owner) *node {
	m.lastID++
	n := &node{id: m.lastID, mode: mode, owner: owner, mtime: time.Now()}
	if n.isFolder() {
		n.names, n.storedNames = map[string]*node{}, map[string]*node{}
	} else {
		n.dirty = map[int64]bool{}
	}
	return n
}

func (n *node) isFolder() bool { return n.mode&syscall.S_IFMT == syscall.S_IFDIR }

func (n *node) write(at int64, b []byte) {
	end := at + int64(len(b))
	n.resize(max(end, int64(len(n.data))))
	copy(n.data[at:end], b)
	n.touch(at, end)
}

// resize cuts the file, or makes it longer with zeros.
func (n *node) resize(size int64) {
	old := int64(len(n.data))
	if size < old {
		clear(n.data[size:])
		n.data = n.data[:size]
		n.touch(size, old) // longer again, it has zeros there
		return
	}
	n.data = slices.Grow(n.data, int(size-old))[:size]
	n.touch(old, size)
}

// touch notes that the bytes from one to another were written.
func (n *node) touch(from, to int64) {
	for sector := from / SectorSize; sector*SectorSize < to; sector++ {
		n.dirty[sector] = true
	}
	n.mtime = time.Now()
}

// sync puts the file on the disk.
func (n *node) sync() {
	n.resizeStored(len(n.data))
	for sector := range n.dirty {
		n.store(sector)
	}
	clear(n.dirty)
}

// syncAll puts the files of a folder on the disk.
func (n *node) syncAll() {
	for _, child := range n.names {
		if child.isFolder() {
			child.syncAll()
		} else {
			child.sync()
		}
	}
}

// size is that of the files of a folder.
func (n *node) size() (bytes int64) {
	bytes = int64(len(n.data))
	for _, child := range n.names {
		bytes += child.size()
	}
	return bytes
}

func (n *node) resizeStored(size int) {
	if size < len(n.stored) {
		clear(n.stored[size:])
		n.stored = n.stored[:size]
		return
	}
	n.stored = slices.Grow(n.stored, size-len(n.stored))[:size]
}

// store puts a sector on the disk, as much of it as lies within the file there.
func (n *node) store(sector int64) {
	from := sector * SectorSize
	if from >= int64(len(n.stored)) || from >= int64(len(n.data)) {
		return
	}
	copy(n.stored[from:min(from+SectorSize, int64(len(n.stored)))], n.data[from:])
}

// apply makes a change that programs see. The disk does not have it yet.
func (m *mounted) apply(c change) {
	for _, s := range c {
		set(s.folder.names, s.entry)
		s.folder.mtime = time.Now()
	}
	m.changes = append(m.changes, c)
}

func set(names map[string]*node, e entry) {
	if e.node == nil {
		delete(names, e.name)
	} else {
		names[e.name] = e.node
	}
}

func (c change) store() {
	for _, s := range c {
		set(s.folder.storedNames, s.entry)
	}
}

func (c change) touches(folder *node) bool {
	return slices.ContainsFunc(c, func(s setting) bool { return s.folder == folder })
}

// syncNode puts a file or the names of a folder on the disk.
func (m *mounted) syncNode(n *node) {
	if !n.isFolder() {
		n.sync()
	}
	var later []change
	for _, c := range m.changes {
		if m.journal == Ordered || n.isFolder() && c.touches(n) {
			c.store()
		} else {
			later = append(later, c)
		}
	}
	m.changes = later
}

// lose returns what a disk has after the power was cut.
func (m *mounted) lose(r *rand.Rand, all bool, l *Losses) *mounted {
	m.mu.Lock()
	defer m.mu.Unlock()
	// What of the cache had reached the disk: nothing, or a share of it.
	share := 0.0
	if !all && r.IntN(3) > 0 {
		share = r.Float64()
	}
	m.loseNames(r, share, l)
	after := newMounted(m.journal)
	after.root.mode, after.root.owner = m.root.mode, m.root.owner
	after.take(m.root, after.root, r, share, l, map[*node]*node{m.root: after.root})
	return after
}

// loseNames stores the oldest of the changes that were not synced. Strictly each folder
// is written for itself, so how many of the oldest differs.
func (m *mounted) loseNames(r *rand.Rand, share float64, l *Losses) {
	l.UnsyncedNames += len(m.changes)
	ended := map[*node]bool{}
	for _, c := range m.changes {
		stop := false
		for _, s := range c {
			folder := s.folder
			if m.journal == Ordered {
				folder = m.root // one journal for all
			}
			ended[folder] = ended[folder] || r.Float64() >= share
			stop = stop || ended[folder]
		}
		if stop {
			l.Names++
			for _, s := range c {
				ended[s.folder] = true
			}
			continue
		}
		c.store()
	}
}

// take copies a folder as the disk has it. A file with two names stays one file.
func (m *mounted) take(from, to *node, r *rand.Rand, share float64, l *Losses, copies map[*node]*node) {
	for _, name := range slices.Sorted(maps.Keys(from.storedNames)) {
		old := from.storedNames[name]
		n := copies[old]
		if n == nil {
			n = m.newNode(old.mode, old.owner)
			n.mtime = old.mtime
			copies[old] = n
			if old.isFolder() {
				m.take(old, n, r, share, l, copies)
			} else {
				old.lose(r, share, l)
				n.stored, n.data = old.stored, slices.Clone(old.stored)
			}
		}
		to.names[name], to.storedNames[name] = n, n
	}
}

// lose keeps a share of the sectors that were not synced. Of a file that grew or was
// cut, the size may be the old one, the new one, or one in between, at a sector.
func (n *node) lose(r *rand.Rand, share float64, l *Losses) {
	l.UnsyncedSectors += len(n.dirty)
	l.Sectors += len(n.dirty)
	if share == 0 {
		return
	}
	if now, then := len(n.data), len(n.stored); now != then {
		switch low, high := min(now, then)/SectorSize, max(now, then)/SectorSize; r.IntN(3) {
		case 0:
			n.resizeStored(now)
		case 1:
			n.resizeStored(max(min(now, then), (low+r.IntN(high-low+1))*SectorSize))
		}
	}
	for _, sector := range slices.Sorted(maps.Keys(n.dirty)) {
		if r.Float64() < share {
			n.store(sector)
			l.Sectors--
		}
	}
}
