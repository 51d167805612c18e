package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// watchedDir is a folder that a process watches.
type watchedDir struct {
	t   *testing.T
	dir string
}

func (w watchedDir) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// read returns the text of a file, "" while it is not there.
func (w watchedDir) read(name string) string {
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func TestWatchDirUploadsNewFiles(t *testing.T) {
	t.Parallel()
	r := newGoldenRig(t)
	w := watchedDir{t, t.TempDir()}
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte("not one yet"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"watch-dir", w.dir, "--server", r.up.url(), "--token-file", tokenFile, "--settle", "200ms"}
	p := rollcall(t, nil, args...)
	p.wait("to watch", func() bool { return strings.Contains(p.out.String(), "watching") })

	// A file that still grows stays, and so does one that is no spreadsheet.
	roll := "ID Number,Firstname\n8001015009087,A\n"
	w.write("grows.csv", "ID Number,Firstname\n")
	w.write("notes.txt", "not a roll")
	w.write("~$grows.xlsx", "lock")
	for range 6 {
		time.Sleep(60 * time.Millisecond)
		w.write("grows.csv", w.read("grows.csv")+"\n8001015009087,A\n")
	}
	w.write("grows.csv", roll)
	p.wait("the token to be refused", func() bool { return strings.Contains(p.err.String(), "file not uploaded") })
	if w.read("grows.csv") == "" || w.read("failed/grows.csv") != "" {
		t.Error("a file was put away because of the token")
	}
	// The token is read again. A file that could not be uploaded is retried after ten seconds.
	if err := os.WriteFile(tokenFile, []byte(r.token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.write("bad.csv", "no,roll\n1,2\n")
	waitLong(t, "both files to be put away",
		func() bool { return w.read("done/grows.csv") != "" && w.read("failed/bad.csv") != "" })
	id := w.read("done/grows.csv.job.txt")
	if job, err := r.log.Load(t.Context(), id); err != nil || job.FileName != "grows.csv" {
		t.Fatalf("job %q: %+v, %v", id, job, err)
	}
	if reason := w.read("failed/bad.csv.reason.txt"); !strings.Contains(reason, "no_id_column") {
		t.Errorf("reason %q", reason)
	}
	if w.read("notes.txt") == "" || w.read("~$grows.xlsx") == "" {
		t.Error("a file that is no spreadsheet was taken")
	}

	// A file that was uploaded but not moved, because the process was killed, is the same job.
	p.stop(syscall.SIGKILL)
	if err := os.Rename(filepath.Join(w.dir, "done", "grows.csv"), filepath.Join(w.dir, "grows.csv")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(w.dir, "done", "grows.csv.job.txt")); err != nil {
		t.Fatal(err)
	}
	q := rollcall(t, nil, args...)
	waitLong(t, "the file to be put away again", func() bool { return w.read("done/grows.csv") != "" })
	if again := w.read("done/grows.csv.job.txt"); again != id {
		t.Errorf("uploaded twice, as %s and %s", id, again)
	}
	// A file of the same name does not replace it.
	w.write("grows.csv", roll+"8501015009088,B\n")
	waitLong(t, "the other file to be put away", func() bool { return w.read("done/grows (2).csv.job.txt") != "" })
	if w.read("done/grows.csv") != strings.TrimSpace(roll) {
		t.Error("a file was overwritten")
	}
	q.stop(syscall.SIGTERM)
	if q.exit != nil {
		t.Errorf("asked to end: %v", q.exit)
	}
}
