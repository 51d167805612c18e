//go:build linux

// Package disktest is a disk that loses power. It is a file system in user space: what a
// program has written is in memory until the program syncs it. A cut of the power
// forgets what is in memory, in part and torn at sectors, and keeps what was synced.
//
// Files keep what fsync, fdatasync, O_SYNC or O_DSYNC put on the disk. Names keep what
// the Journal says. Owners, modes and times are kept at once.
//
// Linux only; it needs /dev/fuse and the right to mount. Imported from _test.go files only.
package disktest

import (
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// SectorSize is what a disk writes as a whole, in bytes.
const SectorSize = 512

// Journal says which sync keeps a name: of a file or folder that was made, renamed or
// removed.
type Journal int

const (
	// Strict keeps names only when their folder is synced, as POSIX promises.
	Strict Journal = iota
	// Ordered keeps all names with the next sync of any file or folder, in the order in
	// which they changed, as the journals of ext4 and XFS do.
	Ordered
)

// Options say how a disk forgets.
type Options struct {
	Journal Journal
	// Seed makes what survives a cut repeatable, as far as the writes are.
	Seed uint64
	// LoseAll makes each cut forget everything that was not synced. Otherwise a cut
	// keeps a part of it, as a cache does that was being written out.
	LoseAll bool
}

// Losses counts what a cut of the power forgot, out of what was not synced.
type Losses struct {
	Sectors, UnsyncedSectors int
	Names, UnsyncedNames     int
}

// Disk is a mounted disk.
type Disk struct {
	dir     string
	options Options
	random  *rand.Rand
	mounted *mounted
	server  *fuse.Server
}

// Require ends the test unless this machine can mount a disk.
func Require(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err == nil {
		err = f.Close()
	}
	if err == nil && os.Geteuid() != 0 {
		err = errors.New("only root mounts")
	}
	if err != nil {
		t.Fatalf("NOT RUN: loss of power. It needs /dev/fuse and root: %v", err)
	}
}

// Mount mounts an empty disk on a folder until the test ends.
func Mount(t testing.TB, dir string, o Options) *Disk {
	t.Helper()
	Require(t)
	d := &Disk{dir: dir, options: o, random: rand.New(rand.NewPCG(o.Seed, 3))}
	if err := d.mount(newMounted(o.Journal)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.mounted.fail() // whoever still waits would keep the disk busy
		if err := d.unmount(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// Dir is where the disk is mounted.
func (d *Disk) Dir() string { return d.dir }

// Sync puts everything on the disk, as the system does with what is older than some
// seconds.
func (d *Disk) Sync() {
	m := d.mounted
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.changes {
		c.store()
	}
	m.changes = nil
	m.root.syncAll()
}

// Size returns how many bytes the files have.
func (d *Disk) Size() int64 {
	m := d.mounted
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.root.size()
}

func (d *Disk) mount(m *mounted) error {
	server, err := fuse.NewServer(newOperations(m), d.dir, &fuse.MountOptions{
		AllowOther: true, DirectMountStrict: true, Options: []string{"default_permissions"}, MaxWrite: 1 << 20,
		FsName: "disktest", Name: "disktest", DisableXAttrs: true, DisableReadDirPlus: true,
		Logger: log.New(io.Discard, "", 0), // it tells of each process that was killed while it waited
	})
	if err != nil {
		return fmt.Errorf("mount %s: %w", d.dir, err)
	}
	if err := keepFromChildren(); err != nil {
		return fmt.Errorf("mount %s: %w", d.dir, err)
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return fmt.Errorf("mount %s: %w", d.dir, err)
	}
	d.mounted, d.server = m, server
	return nil
}

// keepFromChildren closes each open /dev/fuse in the processes that this one will start.
// The library leaves it open there. A server that uses the disk then held the disk, and
// waited for it for ever, when the test was killed.
func keepFromChildren() error {
	const dir = "/proc/self/fd"
	open, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range open {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil || target != "/dev/fuse" {
			continue // closed meanwhile, or something else
		}
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			return err
		}
		syscall.CloseOnExec(fd)
	}
	return nil
}

// unmount waits until no process has a file open.
func (d *Disk) unmount() (err error) {
	for range 200 {
		if err = d.server.Unmount(); !errors.Is(err, syscall.EBUSY) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("unmount %s: %w", d.dir, errors.Join(err, syscall.Unmount(d.dir, syscall.MNT_DETACH)))
	}
	return nil
}

// Cut cuts the power of all the disks at one instant. From then on nothing reaches them
// and no sync returns. kill must send SIGKILL to each process that uses them, without
// waiting for its end. Cut returns when the disks can be used again, with what they
// have kept.
func Cut(kill func() error, disks ...*Disk) (l Losses, err error) {
	for _, d := range disks {
		d.mounted.mu.Lock() // all at once
	}
	for _, d := range disks {
		d.mounted.frozen = true
		d.mounted.mu.Unlock()
	}
	err = kill()
	for _, d := range disks {
		d.mounted.fail()
	}
	for _, d := range disks {
		if failed := d.unmount(); failed != nil {
			return l, errors.Join(err, failed)
		}
		after := d.mounted.lose(d.random, d.options.LoseAll, &l)
		if failed := d.mount(after); failed != nil {
			return l, errors.Join(err, failed)
		}
	}
	return l, err
}

// mounted is what a disk holds from one cut to the next.
type mounted struct {
	journal Journal

	mu     sync.Mutex
	power  *sync.Cond // waits for frozen to become dead
	frozen bool       // operations wait
	dead   bool       // operations fail
	root   *node
	nodes  map[uint64]*node // those that the kernel knows
	lastID uint64
	// changes are those of names that were not synced, oldest first.
	changes []change
	opened  map[uint64][]entry // listings of open folders
	lastFh  uint64
}

func newMounted(j Journal) *mounted {
	m := &mounted{journal: j, nodes: map[uint64]*node{}, opened: map[uint64][]entry{}}
	m.power = sync.NewCond(&m.mu)
	m.root = m.newNode(syscall.S_IFDIR|0o755, fuse.Owner{})
	m.nodes[m.root.id] = m.root
	return m
}

// enter takes the lock for an operation and returns the function that gives it back. It
// returns false when the power is off.
func (m *mounted) enter() (leave func(), ok bool) {
	m.mu.Lock()
	for m.frozen && !m.dead {
		m.power.Wait()
	}
	return m.mu.Unlock, !m.dead
}

// fail ends the operations that wait for power.
func (m *mounted) fail() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.frozen, m.dead = true, true
	m.power.Broadcast()
}
