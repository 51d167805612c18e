package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tealeg/xlsx/v3"
)

func TestRollsAreWorkbooks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roll.xlsx")
	const first, count = birthdays - 2, 5
	if err := writeRoll(path, first, count); err != nil {
		t.Fatal(err)
	}
	book, err := xlsx.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sheet := book.Sheets[0]
	defer sheet.Close()
	if sheet.MaxRow != 1+count {
		t.Fatalf("%d rows", sheet.MaxRow)
	}
	ids := map[string]bool{}
	for n := range count + 1 {
		want := headers
		if n > 0 {
			want = cellsOf(first + n - 1)
			ids[want[0]] = true
		}
		for i, text := range want {
			cell, err := sheet.Cell(n, i)
			if err != nil || cell.Value != text {
				t.Errorf("row %d, column %d: %q, want %q, %v", n+1, i+1, cell.Value, text, err)
			}
		}
	}
	if len(ids) != count {
		t.Errorf("%d ID numbers of %d people", len(ids), count)
	}
}

func TestResultsOfBenchmarks(t *testing.T) {
	r := results{}
	for _, output := range []string{"goos: linux\nBenchmarkA/b-2 \t 1\t 3000000 ns/op\t 12 peak-MB\nPASS\n", "BenchmarkA/b-2 1 5000000 ns/op\n", "BenchmarkA/b-2 1 4000000 ns/op 0.5 s\n"} {
		if err := r.add(output); err != nil {
			t.Fatal(err)
		}
	}
	if took, err := r.time("A/b", ""); err != nil || took != 4*time.Millisecond {
		t.Errorf("%v, %v", took, err)
	}
	if took, err := r.time("A/b", "s"); err != nil || took != time.Second/2 {
		t.Errorf("%v, %v", took, err)
	}
	if _, err := r.time("A/c", ""); err == nil {
		t.Error("a benchmark that did not run has a time")
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	if err := table(&out, []line{{what: "reads", took: time.Second, rows: 2000, peak: 3 << 20, peer: "other", peerTook: 2 * time.Second, target: "1.5 s"}, {what: "b", took: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	want := `| what  | rollcall | rows/s | peak memory | peer  | its time | ratio | target |
|-------|----------|--------|-------------|-------|----------|-------|--------|
| reads | 1.00 s   | 2000   | 3 MB        | other | 2.00 s   | 0.50  | 1.5 s  |
| b     | 60.00 s  |        |             |       |          |       |        |
`
	if out.String() != want {
		t.Errorf("printed\n%s", out.String())
	}
}
