package workbook

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

// What any file may cost, accepted or refused.
const (
	fileMemory = 256 << 20
	fileStop   = 100 * time.Millisecond // from the end of the context
	fileTime   = 15 * time.Second       // of the check, as intake has it
)

var (
	filesFor  = flag.Duration("files", 0, "for how long to read hostile files; 0 means each kind once, and small")
	filesSeed = flag.Uint64("seed", 0, "the first seed of hostile files; 0 means one of its own each time")
)

// attempt is a file to read, and what became of it.
type attempt struct {
	Path string
	Time time.Duration // of the budget

	Refused string // the code; "" for accepted
	Memory  int64  // the most that reading took, in bytes
	Took    time.Duration
	// Stopped is how long reading went on after the context had ended, at a random
	// moment.
	Stopped time.Duration
	Failure string
}

// TestNoFileTakesTheServiceDown reads files that take as much as they can, in a process of
// its own, and measures what they take. With -files it goes on for so long, with mutations
// and at full size.
func TestNoFileTakesTheServiceDown(t *testing.T) {
	if os.Getenv("ROLLCALL_READ_FILES") != "" {
		readFiles(os.Stdin, os.Stdout)
		return
	}
	seed := *filesSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed %d", seed)
	ask := startReader(t)
	kinds := slices.Sorted(maps.Keys(hostileKinds))
	begun, tried, refused := time.Now(), 0, 0
	worst := map[string]attempt{}
	for n := 0; n < len(kinds) || time.Since(begun) < *filesFor; n++ {
		r := rand.New(rand.NewPCG(seed, uint64(n)))
		kind := kinds[n%len(kinds)]
		limit, mb := 150*time.Millisecond, 4
		if *filesFor > 0 {
			limit, mb = 500*time.Millisecond, 24
			// One of four may take all the time and is up to half a gigabyte.
			if r.IntN(4) == 0 {
				limit, mb = fileTime, 32<<r.IntN(5)
			}
		}
		file := hostileKinds[kind](r, mb)
		for range n / len(kinds) % 4 {
			file = mutate(r, file)
		}
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, file.build(r), 0o600); err != nil {
			t.Fatal(err)
		}
		got := ask(attempt{Path: path, Time: limit})
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		tried++
		if got.Refused != "" {
			refused++
		}
		report := fmt.Sprintf("%s (-seed %d, file %d, %d MB): %s", kind, seed, n, mb, got)
		if *filesFor == 0 || testing.Verbose() && n < len(kinds) {
			t.Log(report)
		}
		if got.Failure != "" || got.Memory > fileMemory*raceFactor || got.Took > 2*limit+time.Second*raceFactor ||
			got.Stopped > fileStop*raceFactor {
			t.Error(report)
		}
		for what, more := range map[string]func(a, b attempt) bool{
			"memory":  func(a, b attempt) bool { return a.Memory > b.Memory },
			"time":    func(a, b attempt) bool { return a.Took > b.Took },
			"to stop": func(a, b attempt) bool { return a.Stopped > b.Stopped },
		} {
			if more(got, worst[what]) {
				got.Path = kind
				worst[what] = got
			}
		}
	}
	t.Logf("%d files tried, %d refused, %d read to their end", tried, refused, tried-refused)
	for what, a := range worst {
		t.Logf("worst %s: %s: %s", what, a.Path, a)
	}
}

func (a attempt) String() string {
	return fmt.Sprintf("%d MB, %s, stops in %s, %s %s", a.Memory>>20, a.Took.Round(time.Millisecond),
		a.Stopped.Round(time.Millisecond/10), a.Refused, a.Failure)
}

// startReader starts a process that reads one file after the other.
func startReader(t *testing.T) (ask func(attempt) attempt) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "ROLLCALL_READ_FILES=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
			t.Error(err)
		}
	})
	answers := json.NewDecoder(out)
	return func(a attempt) attempt {
		if err := json.NewEncoder(in).Encode(a); err != nil {
			t.Fatal(err)
		}
		if err := answers.Decode(&a); err != nil {
			t.Fatal("the process that reads has died: ", err)
		}
		return a
	}
}

// readFiles reads the files that come in and says what that took.
func readFiles(in io.Reader, out io.Writer) {
	columns, err := schema.Columns()
	if err != nil {
		panic(err)
	}
	// The service holds something, too, and the more it holds the later is garbage
	// collected.
	held := make([]byte, 64<<20)
	for i := range held {
		held[i] = 1
	}
	for requests := json.NewDecoder(in); ; {
		var a attempt
		if err := requests.Decode(&a); err != nil {
			if !errors.Is(err, io.EOF) {
				panic(err)
			}
			return
		}
		measure(&a, columns)
		if held[a.Memory%int64(len(held))] == 1 {
			if err := json.NewEncoder(out).Encode(a); err != nil {
				panic(err)
			}
		}
	}
}

func measure(a *attempt, columns []schema.Column) {
	peak, err := watchMemory()
	if err != nil {
		a.Failure = err.Error()
		return
	}
	begun := time.Now()
	err = readAsTheService(context.Background(), a, columns)
	a.Took = time.Since(begun)
	// It may have less than before: the system takes back what was freed.
	if a.Memory, a.Failure = max(0, peak()), ""; err != nil {
		refused, ok := errors.AsType[*refusal.Error](err)
		if a.Failure = ""; ok {
			a.Refused = refused.Code
		} else {
			a.Failure = err.Error()
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	type moment struct {
		at  time.Time
		cpu time.Duration
	}
	ended := make(chan moment, 1)
	timer := time.AfterFunc(rand.N(a.Took+1), func() {
		ended <- moment{time.Now(), cpuTime()}
		cancel()
	})
	defer cancel()
	err = readAsTheService(ctx, a, columns)
	now := moment{time.Now(), cpuTime()}
	if timer.Stop() {
		return // it had come to its end before
	}
	end := <-ended
	// On a machine with much else to do the clock goes on while this process waits.
	a.Stopped = max(0, min(now.at.Sub(end.at), now.cpu-end.cpu))
	if _, refused := errors.AsType[*refusal.Error](err); err != nil && !refused && !errors.Is(err, context.Canceled) {
		a.Failure = err.Error()
	}
}

// readAsTheService reads a file as intake does and then as the stage validation.
func readAsTheService(ctx context.Context, a *attempt, columns []schema.Column) error {
	f, err := os.Open(a.Path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // a reader
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = Preflight(ctx, f, info.Size(), Budget{Time: a.Time}, columns)
	if _, refused := errors.AsType[*refusal.Error](err); err != nil && !refused {
		return err
	}
	// A file that is refused is read as well: a stage would, if intake let it pass.
	file, err := Open(ctx, f, info.Size(), Budget{Time: a.Time})
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // a reader
	sheet, _, err := file.Roll(columns)
	if err != nil {
		return err
	}
	for _, err := range sheet.Rows() {
		if err != nil {
			return err
		}
	}
	return nil
}

// watchMemory returns a function that tells by how much the process has grown at most.
func watchMemory() (peak func() int64, err error) {
	debug.FreeOSMemory()
	// 5 makes the kernel forget the highest size so far.
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return nil, err
	}
	before, err := residentPeak()
	return func() int64 {
		after, err := residentPeak()
		if err != nil {
			panic(err)
		}
		return after - before
	}, err
}

// residentPeak returns the highest resident size, in bytes.
func residentPeak() (int64, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // a reader
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("no VmHWM")
}

// cpuTime is how long the process has run on a processor.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
