package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tealeg/xlsx/v3"
)

func TestWriteRollMakesAWorkbook(t *testing.T) {
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
			want = makeCells(first + n - 1)
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
		t.Errorf("%d ID numbers for %d people", len(ids), count)
	}
}

func TestBenchResults(t *testing.T) {
	r := benchResults{}
	for _, output := range []string{"goos: linux\nBenchmarkA/b-2 \t 1\t 3000000 ns/op\t 12 peak-MB\nPASS\n",
		"BenchmarkA/b-2 1 5000000 ns/op\n", "BenchmarkA/b-2 1 4000000 ns/op 0.5 s\n"} {
		if err := r.add(output); err != nil {
			t.Fatal(err)
		}
	}
	if took, err := r.medianTime("A/b", ""); err != nil || took != 4*time.Millisecond {
		t.Errorf("%v, %v", took, err)
	}
	if took, err := r.medianTime("A/b", "s"); err != nil || took != time.Second/2 {
		t.Errorf("%v, %v", took, err)
	}
	if _, err := r.medianTime("A/c", ""); err == nil {
		t.Error("a benchmark that did not run has a time")
	}
}

// A benchmark that is renamed or moved must be renamed or moved in allParts too.
func TestBenchmarksOfAllPartsExist(t *testing.T) {
	for _, p := range allParts {
		files, err := filepath.Glob(filepath.Join("../../..", p.pkg, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no tests in %s, %v", p.what, p.pkg, err)
			continue
		}
		var source strings.Builder
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
		for _, bench := range []string{p.bench, p.peerBench} {
			name, _, _ := strings.Cut(bench, "/")
			if name != "" && !strings.Contains(source.String(), "func Benchmark"+name+"(b *testing.B)") {
				t.Errorf("%s: %s has no Benchmark%s", p.what, p.pkg, name)
			}
		}
	}
}

func TestPrintTable(t *testing.T) {
	var out strings.Builder
	if err := printTable(&out, []result{
		{what: "reads", took: time.Second, rows: 2000, peakBytes: 3 << 20, peer: "other", peerTook: 2 * time.Second,
			target: "1.5 s"},
		{what: "b", took: time.Minute},
	}); err != nil {
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
