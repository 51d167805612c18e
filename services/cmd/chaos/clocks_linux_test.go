package chaos

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The clock of one program after the other jumps by ten minutes and by a day, forwards
// and back, while jobs are under way: of PostgreSQL with libfaketime, and in the long form
// of NATS and of rollcall, built with a standard library whose clock can be moved: they do
// not ask the C library for the time. Nothing is lost, doubled or out of order, nothing is
// removed before its time, and an upload that comes again is the same job.
func TestClocksJump(t *testing.T) {
	t.Parallel()
	names := []string{"postgres"}
	jumps := []time.Duration{10 * time.Minute, -10 * time.Minute, 24 * time.Hour, -24 * time.Hour}
	cfg := siteConfig{nats: []host{{}}, apps: []host{{}}, ackWait: 4 * time.Second,
		args: []string{"--keep-uploads", "12h", "--keep-artifacts", "12h"}}
	if *fullFlag {
		names = []string{"postgres", "nats-1", "rollcall-1"}
		cfg.programs = buildWithClocks(t)
	}
	clocks := map[string]*clock{}
	for _, name := range names {
		clocks[name] = newClock(t, name == "postgres")
	}
	cfg.envOf = func(name string) []string {
		if c := clocks[name]; c != nil {
			return c.env
		}
		return nil
	}
	s := newSite(t, cfg)
	u := s.newUser("alice", s.apps...)
	w := newWitness(t)
	w.approver = s.newUser("dora", s.apps...)
	first := makeFiles(rand.New(rand.NewPCG(1, 1)), 1, 40, 0)[0]
	w.uploadOne(t.Context(), u, first)
	w.atOnce = 1 // the order of commits is that of the transactions then, without a clock
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	files := make(chan *file)
	stop := make(chan struct{})
	var uploading, steering sync.WaitGroup
	uploading.Go(func() { hand(files, stop, rand.Uint64()) })
	uploading.Go(func() { w.uploadUntil(ctx, stop, u, files) })
	steer, ended := context.WithCancel(ctx)
	steering.Go(func() { w.steer(steer, u) })
	lasts := 700 * time.Millisecond
	if *fullFlag {
		lasts = 5 * time.Second
	}
	done := 0
	for _, name := range names {
		for _, by := range jumps {
			if err := clocks[name].set(by); err != nil {
				t.Fatal(err)
			}
			done++
			if name == s.apps[0].name {
				// It also starts so, and looks at once for what is kept no longer.
				if _, err := s.apps[0].killFor(0); err != nil {
					t.Fatal(err)
				}
				s.waitHealthy()
				s.hasten()
			}
			sleepUntil(ctx, time.Now().Add(lasts))
			if id, err := u.upload(ctx, first); err != nil || id != w.jobs[0].id {
				t.Errorf("the clock of %s is off by %s: the first upload came again as %s, %v", name, by, id, err)
			}
		}
		if err := clocks[name].set(0); err != nil {
			t.Fatal(err)
		}
		sleepUntil(ctx, time.Now().Add(lasts))
	}
	close(stop)
	uploading.Wait() // until each job has ended
	ended()
	steering.Wait()
	if t.Failed() {
		return
	}
	k := w.check(s, u)
	for _, m := range readFacts(t, s.connect("operator"), "bulk.*.erased") {
		t.Errorf("removed before its time: %s", m.Subject)
	}
	fmt.Printf("clocks: %d jumps of %v by up to a day; %s\n", done, names, k)
}

// clock is the clock of a program.
type clock struct {
	path string
	env  []string
	lib  bool // libfaketime reads the file, otherwise a standard library of buildWithClocks
}

func newClock(t *testing.T, lib bool) *clock {
	t.Helper()
	c := &clock{path: filepath.Join(t.TempDir(), "clock"), lib: lib}
	if !lib {
		c.env = []string{"ROLLCALL_TEST_CLOCK=" + c.path}
	} else {
		found, err := filepath.Glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
		if err != nil || len(found) == 0 {
			t.Fatal("NOT RUN: clocks that jump. They need libfaketime (go tool task faketime)")
		}
		c.env = []string{"LD_PRELOAD=" + found[0], "FAKETIME_TIMESTAMP_FILE=" + c.path, "FAKETIME_NO_CACHE=1",
			"FAKETIME_DONT_FAKE_MONOTONIC=1"}
	}
	if err := c.set(0); err != nil {
		t.Fatal(err)
	}
	// PostgreSQL, which does not run as root, reads it.
	if err := os.Chmod(filepath.Dir(filepath.Dir(c.path)), 0o711); err != nil {
		t.Fatal(err)
	}
	return c
}

// set makes the clock differ from the true one.
func (c *clock) set(by time.Duration) error {
	content := fmt.Appendf(nil, "%+d\n", int(by.Seconds()))
	if !c.lib {
		content = binary.LittleEndian.AppendUint64(nil, uint64(int64(by.Seconds())))
	}
	f, err := os.OpenFile(c.path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	// Written in place: a program has it mapped. Spaces hide what was longer.
	if c.lib {
		content = fmt.Appendf(nil, "%-8s", strings.TrimSpace(string(content)))
	}
	if _, err := f.WriteAt(content, 0); err != nil {
		return err
	}
	return f.Close()
}

// jumpSource is added to package time of the standard library.
const jumpSource = `package time

import (
	"syscall"
	"unsafe"
)

var jumped = openJump()

func openJump() *int64 {
	name, ok := syscall.Getenv("ROLLCALL_TEST_CLOCK")
	if !ok {
		return new(int64)
	}
	fd, err := syscall.Open(name, syscall.O_RDONLY, 0)
	if err != nil {
		panic(err)
	}
	b, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return (*int64)(unsafe.Pointer(&b[0]))
}
`

// buildWithClocks builds rollcall and NATS, whose sources stay as they are, with a
// standard library that adds a number of seconds to each time.
func buildWithClocks(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir, folder := t.TempDir(), filepath.Join(strings.TrimSpace(string(out)), "src", "time")
	source, err := os.ReadFile(filepath.Join(folder, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	const before = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	if !strings.Contains(string(source), before) {
		t.Fatal("NOT RUN: clocks that jump. time.Now of this version of Go has another form")
	}
	changed := strings.Replace(string(source), before, before+"\tsec += *jumped\n", 1)
	overlay := map[string]map[string]string{"Replace": {}}
	for name, text := range map[string]string{"time.go": changed, "jump.go": jumpSource} {
		overlay["Replace"][filepath.Join(folder, name)] = filepath.Join(dir, name)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, list, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", file, "-o", dir+"/",
		"rollcall.example/services/cmd/rollcall", "github.com/nats-io/nats-server/v2")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build with clocks: %v\n%s", err, out)
	}
	return dir
}
