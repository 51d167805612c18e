package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// part is a row of the table that a Go benchmark measures.
type part struct {
	what string
	pkg  string
	// bench is the benchmark and sub-benchmark of rollcall. unit is the unit of its
	// time: "" for ns/op, or one that the benchmark reports.
	bench, unit string
	// peer is another program, and peerBench and peerUnit are its benchmark and unit.
	peer, peerBench, peerUnit string
	rows                      int
	target                    string
}

// allParts are the rows in the table's order. The table shows the memory of a
// benchmark that reports peak-MB.
var allParts = []part{
	{what: "reader: 16 columns", pkg: "./services/workbook", bench: "Read/rollcall",
		peer: "excelize, streaming", peerBench: "Read/excelize", rows: 100_000, target: "0.8 s"},
	{what: "reader: the same", pkg: "./services/workbook", bench: "Read/rollcall",
		peer: "tealeg", peerBench: "Read/tealeg", rows: 100_000, target: "0.8 s"},
	{what: "writer: one sheet", pkg: "./services/sheets", bench: "Write/rollcall",
		peer: "excelize, streaming", peerBench: "Write/excelize", rows: 100_000},
	{what: "writer: the same", pkg: "./services/sheets", bench: "Write/rollcall",
		peer: "tealeg", peerBench: "Write/tealeg", rows: 100_000},
	{what: "report: all sheets", pkg: "./services/report", bench: "Report", rows: 100_000, target: "2 s"},
	{what: "artifacts: write rows", pkg: "./events/records", bench: "RecordsEncode/Row/artifact",
		peer: "encoding/json, lines only", peerBench: "RecordsEncode/Row/encoding-json", rows: 100_000,
		target: "well under 1 s"},
	{what: "artifacts: read rows", pkg: "./events/records", bench: "RecordsDecode/Row/artifact",
		peer: "encoding/json, lines only", peerBench: "RecordsDecode/Row/encoding-json", rows: 100_000,
		target: "well under 1 s"},
	{what: "artifacts: write verdicts", pkg: "./events/records", bench: "RecordsEncode/Verdict/artifact",
		peer: "encoding/json, lines only", peerBench: "RecordsEncode/Verdict/encoding-json", rows: 100_000,
		target: "well under 1 s"},
	{what: "artifacts: read verdicts", pkg: "./events/records", bench: "RecordsDecode/Verdict/artifact",
		peer: "encoding/json, lines only", peerBench: "RecordsDecode/Verdict/encoding-json", rows: 100_000,
		target: "well under 1 s"},
	{what: "rows judged, 16 columns", pkg: "./services/validation", bench: "Judge", rows: 10_000},
	{what: "iec: all answers are kept", pkg: "./services/iec", bench: "Known", unit: "s", rows: 20_000},
	{what: "persistence: new members", pkg: "./services/persistence", bench: "Persistence/insert", unit: "s",
		peer: "psql, plain COPY", peerBench: "Persistence/insert", peerUnit: "copy-s", rows: 100_000,
		target: "ratio 2"},
	{what: "persistence: nothing changed", pkg: "./services/persistence", bench: "Persistence/unchanged", unit: "s",
		peer: "psql, plain COPY", peerBench: "Persistence/unchanged", peerUnit: "copy-s", rows: 100_000,
		target: "ratio 1.5"},
}

// measureParts measures the parts whose names match wanted.
func measureParts(ctx context.Context, wanted *regexp.Regexp, count int) ([]result, error) {
	var results []result
	for _, p := range allParts {
		if !wanted.MatchString(p.what) {
			continue
		}
		benches := []string{p.bench}
		if p.peer != "" && p.peerBench != p.bench {
			benches = append(benches, p.peerBench)
		}
		measured := benchResults{}
		for range count { // in turns, so that a busy minute affects both
			for _, bench := range benches {
				if err := runBenchmark(ctx, p.pkg, bench, measured); err != nil {
					return nil, fmt.Errorf("%s: %w", p.what, err)
				}
			}
		}
		r := result{what: p.what, rows: p.rows, peer: p.peer, target: p.target}
		var err error
		if r.took, err = measured.medianTime(p.bench, p.unit); err != nil {
			return nil, fmt.Errorf("%s: %w", p.what, err)
		}
		if p.peer != "" {
			if r.peerTook, err = measured.medianTime(p.peerBench, p.peerUnit); err != nil {
				return nil, fmt.Errorf("%s: %w", p.what, err)
			}
		}
		if peaks := measured[p.bench]["peak-MB"]; len(peaks) > 0 {
			r.peakBytes = int64(slices.Max(peaks) * (1 << 20))
		}
		results = append(results, r)
	}
	return results, nil
}

// benchResults are the values of Go benchmarks by name and unit.
type benchResults map[string]map[string][]float64

// medianTime returns the median of a benchmark's times; the unit "" means ns/op.
func (r benchResults) medianTime(bench, unit string) (time.Duration, error) {
	scale := float64(time.Second)
	if unit == "" {
		unit, scale = "ns/op", 1
	}
	values := slices.Sorted(slices.Values(r[bench][unit]))
	if len(values) == 0 {
		return 0, fmt.Errorf("benchmark %s has no %s", bench, unit)
	}
	return time.Duration(values[len(values)/2] * scale), nil
}
