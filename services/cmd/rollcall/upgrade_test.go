package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
)

// The jobs of testdata/upgrade.
const (
	oldComplete  = "job-01a2082a-e7d6-70df-8b1f-bfaf1f196790"
	oldCancelled = "job-01a2082a-eddb-7597-bf55-7cfa80ea54fa"
	oldHalfDone  = "job-01a2082b-0def-7bc1-924d-aa9eeac958e0"
)

func TestUpgradeFromTheFirstState(t *testing.T) {
	t.Parallel()
	dir, database := t.TempDir(), privateDatabase(t)
	unpack(t, "testdata/upgrade/nats.tar.gz", dir)
	restore(t, "testdata/upgrade/database.sql.gz", database)
	p := startUp(t, dir, "--database", database)
	alice := token(t, "alice", "member")
	as := []string{"--server", p.url(), "--token", alice}
	asAlice := func(args ...string) string {
		t.Helper()
		return mustRun(t, append(args, as...)...)
	}

	// The completed job is shown as it was then.
	history := asAlice("history", oldComplete, "--json")
	var seqs []uint64
	for line := range strings.Lines(history) {
		var e struct{ Seq uint64 }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		seqs = append(seqs, e.Seq)
	}
	if !slices.Equal(seqs, []uint64{1, 2, 3, 4, 5}) || !strings.Contains(history, "bulk_upload_complete") {
		t.Errorf("history:\n%s", history)
	}
	if status := asAlice("status", oldComplete); !strings.Contains(status, "completed") {
		t.Errorf("status:\n%s", status)
	}
	if n := rowsReported(t, asAlice, oldComplete); n != 12 {
		t.Errorf("%d rows in the report of then", n)
	}
	if row := asAlice("row", oldComplete, "5"); !strings.Contains(row, "inserted") {
		t.Errorf("row 5:\n%s", row)
	}

	// The running job continues by itself, the cancelled one when it is retried.
	asAlice("watch", oldHalfDone)
	if n := rowsReported(t, asAlice, oldHalfDone); n != 20 {
		t.Errorf("%d rows in the report of the job that went on", n)
	}
	asAlice("retry", oldCancelled, "--watch")
	if n := rowsReported(t, asAlice, oldCancelled); n != 15 {
		t.Errorf("%d rows in the report of the job that was retried", n)
	}

	// Facts stored then have their guards, too.
	cli := natsCLI(t, dir)
	operator, err := events.Connect(events.Connection{URL: cli["NATS_URL"], User: cli["NATS_USER"],
		Password: cli["NATS_PASSWORD"]})
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Conn().Close()
	for _, id := range []string{oldComplete, oldHalfDone, oldCancelled} {
		checkGuards(t, operator, id)
		if said, err := verifyAs(t, cli, id, "--database", database); err != nil ||
			!strings.Contains(said, " follow from each other") {
			t.Errorf("%s: %v\n%s", id, err, said)
		}
	}

	// A job of today finds the members of then.
	db, err := postgres.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var members, of int
	if err := db.Get(&members, "SELECT count(*) FROM members"); err != nil {
		t.Fatal(err)
	}
	if err := db.Get(&of, "SELECT count(*) FROM job_outcomes WHERE job_id = $1", oldComplete); err != nil {
		t.Fatal(err)
	}
	if members <= 12 || of == 0 {
		t.Errorf("%d members, of whom %d have an outcome of the first job", members, of)
	}
	if jobs := asAlice("jobs"); strings.Count(jobs, "completed") != 3 {
		t.Errorf("jobs:\n%s", jobs)
	}
}

func rowsReported(t *testing.T, ask func(...string) string, jobID string) int {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.xlsx")
	ask("report", jobID, "-o", file)
	book, err := xlsx.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sheet := book.Sheet["All Uploaded Rows"]
	if sheet == nil {
		t.Fatal("no sheet of all rows")
	}
	return sheet.MaxRow - 1
}

func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for files := tar.NewReader(plain); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(h.Name, "/")
		if h.Typeflag == tar.TypeDir {
			err = root.MkdirAll(name, 0o700)
		} else {
			var text []byte
			if text, err = io.ReadAll(files); err == nil {
				err = root.WriteFile(name, text, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func restore(t *testing.T, dump, database string) {
	t.Helper()
	f, err := os.Open(dump)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	statements, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), string(statements)); err != nil {
		t.Fatal(fmt.Errorf("restore: %w", err))
	}
}

// checkGuards checks that each event of a job names the event before it.
func checkGuards(t *testing.T, operator jetstream.JetStream, id string) {
	t.Helper()
	msgs, more, err := events.ReadBatch(t.Context(), operator, events.StreamFacts, events.JobFilter(id), 1)
	if err != nil || more {
		t.Fatal(more, err)
	}
	var last uint64
	for _, m := range msgs {
		if seq, ok := events.PreviousSeq(id, m.Header); !ok || seq != last {
			t.Errorf("%s: event %d came after %d, %v; it says after %d", id, m.Sequence, last, ok, seq)
		}
		last = m.Sequence
	}
}
