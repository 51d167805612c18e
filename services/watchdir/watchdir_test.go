package watchdir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rollcall.example/events/eventstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errRefused = errors.New("not a roll")

// server is who takes uploads.
type server struct {
	mu   sync.Mutex
	keys map[string][]string // by name of the file
	err  error               // of all uploads, nil takes them
}

func (s *server) upload(_ context.Context, path, key string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[filepath.Base(path)] = append(s.keys[filepath.Base(path)], key)
	return "job-of-" + filepath.Base(path), s.err
}

func (s *server) answer(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *server) uploads(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.keys[name]...)
}

// watch watches a folder until the test ends.
func watch(t *testing.T, variant string) (dir string, s *server) {
	t.Helper()
	s = &server{keys: map[string][]string{}}
	dir = t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{
			Dir: dir, Settle: 100 * time.Millisecond, Retry: 100 * time.Millisecond, Variant: variant,
			Upload: s.upload, Refused: func(err error) bool { return errors.Is(err, errRefused) },
			Done: func(string, string) {}, Failed: func(string, error) {},
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return dir, s
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// read returns what is in a file, "" while it is not there.
func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func TestUploadedFilesArePutAwayWithTheirJob(t *testing.T) {
	dir, s := watch(t, "")
	write(t, dir, "roll.csv", "first")
	eventstest.Wait(t, "the file", func() bool { return read(t, dir, "done/roll.csv") == "first" })
	if note := read(t, dir, "done/roll.csv.job.txt"); note != "job-of-roll.csv" {
		t.Errorf("note %q", note)
	}
	// Another of the same name does not take its place.
	write(t, dir, "roll.csv", "second")
	eventstest.Wait(t, "the other file", func() bool { return read(t, dir, "done/roll (2).csv") == "second" })
	if read(t, dir, "done/roll.csv") != "first" || len(s.uploads("roll.csv")) != 2 {
		t.Errorf("uploads %v", s.uploads("roll.csv"))
	}
}

func TestRefusedFilesArePutAwayWithTheReason(t *testing.T) {
	dir, s := watch(t, "")
	s.answer(errRefused)
	write(t, dir, "roll.xlsx", "no workbook")
	eventstest.Wait(t, "the file", func() bool { return read(t, dir, "failed/roll.xlsx") != "" })
	if reason := read(t, dir, "failed/roll.xlsx.reason.txt"); reason != errRefused.Error() {
		t.Errorf("reason %q", reason)
	}
}

func TestAFileThatCannotBeUploadedStays(t *testing.T) {
	dir, s := watch(t, "")
	s.answer(errors.New("nobody answers"))
	write(t, dir, "roll.csv", "rows")
	eventstest.Wait(t, "a second attempt", func() bool { return len(s.uploads("roll.csv")) >= 2 })
	if read(t, dir, "roll.csv") == "" {
		t.Error("the file was put away")
	}
	s.answer(nil)
	eventstest.Wait(t, "the file", func() bool { return read(t, dir, "done/roll.csv") != "" })
	keys := s.uploads("roll.csv")
	for _, key := range keys {
		if key != keys[0] {
			t.Errorf("keys differ: %v", keys)
		}
	}
}

func TestTheKeyTellsNameContentAndVariantApart(t *testing.T) {
	dir := t.TempDir()
	seen := map[string]bool{}
	for _, c := range [][3]string{{"a.csv", "rows", ""}, {"b.csv", "rows", ""}, {"a.csv", "other", ""},
		{"a.csv", "rows", "dry"}} {
		write(t, dir, c[0], c[1])
		key, err := (&watcher{Config: Config{Variant: c[2]}}).key(filepath.Join(dir, c[0]))
		if err != nil || seen[key] {
			t.Errorf("%v: %s, %v", c, key, err)
		}
		seen[key] = true
	}
}

func TestOnlySpreadsheetsAreUploaded(t *testing.T) {
	for name, want := range map[string]bool{
		"roll.csv": true, "ROLL.XLSX": true, "roll.xls": true, "roll.ODS": true, "notes.txt": false, ".roll.csv": false,
		"~$roll.xlsx": false, "~$roll.xls": false, ".~lock.roll.ods#": false, "roll.xls.part": false, "xls": false,
	} {
		if got := isSpreadsheet(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
