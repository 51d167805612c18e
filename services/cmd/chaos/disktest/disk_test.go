//go:build linux

package disktest_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rollcall.example/services/cmd/chaos/disktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func noKill() error { return nil }

func mount(t *testing.T, o disktest.Options) *disktest.Disk {
	t.Helper()
	return disktest.Mount(t, t.TempDir(), o)
}

func cut(t *testing.T, d *disktest.Disk) disktest.Losses {
	t.Helper()
	l, err := disktest.Cut(noKill, d)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// write writes a file, and syncs it with its folder if it shall last.
func write(t *testing.T, path string, content []byte, lasting bool) {
	t.Helper()
	f, err := os.Create(path)
	if err == nil {
		_, err = f.Write(content)
	}
	if err == nil && lasting {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if lasting {
		syncFolder(t, filepath.Dir(path))
	}
}

func syncFolder(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open(dir)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if want == nil && errors.Is(err, os.ErrNotExist) {
		return
	}
	if err != nil || want == nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes %.20q, %v, want %d bytes %.20q", filepath.Base(path), len(got), got, err, len(want), want)
	}
}

// A cut forgets what was written and not synced, and keeps what was synced.
func TestACutForgetsWhatWasNotSynced(t *testing.T) {
	for name, j := range map[string]disktest.Journal{"strict": disktest.Strict, "ordered": disktest.Ordered} {
		t.Run(name, func(t *testing.T) {
			d := mount(t, disktest.Options{Journal: j, LoseAll: true})
			in := func(name string) string { return filepath.Join(d.Dir(), name) }
			old, young := bytes.Repeat([]byte("a"), 5000), bytes.Repeat([]byte("b"), 7000)
			write(t, in("synced"), old, true)
			write(t, in("written over"), old, true)
			write(t, in("cut short"), old, true)
			write(t, in("written over"), young, false)
			if err := os.Truncate(in("cut short"), 100); err != nil {
				t.Fatal(err)
			}
			write(t, in("never synced"), young, false)
			check(t, in("written over"), young)
			check(t, in("cut short"), old[:100])
			l := cut(t, d)
			check(t, in("synced"), old)
			check(t, in("written over"), old)
			check(t, in("cut short"), old)
			check(t, in("never synced"), nil)
			if l.Names != 1 || l.Sectors == 0 || l.Sectors != l.UnsyncedSectors {
				t.Errorf("losses %+v", l)
			}
			write(t, in("synced"), young, true) // the disk works again
			if err := os.Mkdir(in("folder"), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, in("folder/file"), young, false)
			d.Sync()
			cut(t, d)
			check(t, in("synced"), young)
			check(t, in("folder/file"), young)
		})
	}
}

// O_SYNC and O_DSYNC sync each write.
func TestWritesThatSyncLast(t *testing.T) {
	for _, flag := range []int{os.O_SYNC, syscall.O_DSYNC} {
		d := mount(t, disktest.Options{LoseAll: true})
		path := filepath.Join(d.Dir(), "log")
		write(t, path, nil, true)
		f, err := os.OpenFile(path, os.O_WRONLY|flag, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteString("a line")
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		cut(t, d)
		check(t, path, []byte("a line"))
	}
}

// Names last when their folder is synced, and with an ordered journal when any file is.
func TestNamesLastWithTheSyncOfTheJournal(t *testing.T) {
	for _, c := range []struct {
		name    string
		journal disktest.Journal
		sync    string // a file or folder
		renamed bool
	}{
		{"strict, another file is synced", disktest.Strict, "other", false},
		{"strict, the file is synced", disktest.Strict, "folder/new", false},
		{"strict, another folder is synced", disktest.Strict, ".", false},
		{"strict, the folder is synced", disktest.Strict, "folder", true},
		{"ordered, another file is synced", disktest.Ordered, "other", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := mount(t, disktest.Options{Journal: c.journal, LoseAll: true})
			in := func(name string) string { return filepath.Join(d.Dir(), name) }
			if err := os.Mkdir(in("folder"), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, in("other"), []byte("other"), true)
			write(t, in("folder/old"), []byte("a"), true)
			write(t, in("folder/gone"), []byte("b"), true)
			if err := errors.Join(os.Rename(in("folder/old"), in("folder/new")), os.Remove(in("folder/gone"))); err != nil {
				t.Fatal(err)
			}
			syncFolder(t, in(c.sync))
			cut(t, d)
			if c.renamed {
				check(t, in("folder/old"), nil)
				check(t, in("folder/new"), []byte("a"))
				check(t, in("folder/gone"), nil)
				return
			}
			check(t, in("folder/old"), []byte("a"))
			check(t, in("folder/new"), nil)
			check(t, in("folder/gone"), []byte("b"))
		})
	}
}

// What a cut keeps of a write that was not synced, it keeps in whole sectors: some have
// the new content, some the old one.
func TestAWriteIsTornAtSectors(t *testing.T) {
	const sectors = 64
	torn := 0
	for seed := range uint64(12) {
		d := mount(t, disktest.Options{Seed: seed})
		path := filepath.Join(d.Dir(), "block")
		write(t, path, bytes.Repeat([]byte("o"), sectors*disktest.SectorSize), true)
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Write(bytes.Repeat([]byte("n"), sectors*disktest.SectorSize))
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		l := cut(t, d)
		got, err := os.ReadFile(path)
		if err != nil || len(got) != sectors*disktest.SectorSize {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		kept := 0
		for i := range sectors {
			sector := got[i*disktest.SectorSize:][:disktest.SectorSize]
			if n := bytes.Count(sector, []byte("n")); n != 0 && n != disktest.SectorSize {
				t.Fatalf("sector %d has %d new bytes", i, n)
			}
			if sector[0] == 'n' {
				kept++
			}
		}
		if l.UnsyncedSectors != sectors || l.Sectors != sectors-kept {
			t.Errorf("%d of %d sectors kept, losses %+v", kept, sectors, l)
		}
		if kept > 0 && kept < sectors {
			torn++
		}
	}
	if torn < 4 {
		t.Errorf("only %d of 12 cuts tore the write", torn)
	}
}

// From the cut on no sync returns, so nobody can acknowledge what is not on the disk.
func TestNoSyncReturnsOnceThePowerIsOff(t *testing.T) {
	d := mount(t, disktest.Options{LoseAll: true})
	// dd syncs each block, for ever.
	path := filepath.Join(d.Dir(), "blocks")
	write(t, path, nil, true)
	writer := exec.CommandContext(t.Context(), "dd", "if=/dev/zero", "of="+path, "bs=512", "oflag=dsync", "conv=notrunc")
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = writer.Wait() }() // it was killed
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	for size() < 20*disktest.SectorSize {
		time.Sleep(time.Millisecond)
	}
	_, err := disktest.Cut(func() error {
		select {
		case <-ended:
			t.Error("the writer ended before it was killed: an operation failed")
		case <-time.After(50 * time.Millisecond):
		}
		return writer.Process.Kill()
	}, d)
	<-ended
	if err != nil {
		t.Fatal(err)
	}
	if got := size(); got < 20*disktest.SectorSize || got%disktest.SectorSize != 0 {
		t.Errorf("%d bytes lasted", got)
	}
}

// A server that a test starts must not hold the disk when the test is killed.
func TestProcessesDoNotHoldTheDisk(t *testing.T) {
	mount(t, disktest.Options{})
	out, err := exec.Command("sh", "-c", "ls -l /proc/self/fd/").CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("/dev/fuse")) {
		t.Errorf("a process has open, %v:\n%s", err, out)
	}
}
