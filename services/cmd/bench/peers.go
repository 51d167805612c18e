package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// peerLoad is what comparePeers measures.
type peerLoad struct {
	dir           string // of the programs: see the task bench:peers
	clients, jobs int    // of the gateway and those in its place
	rate          int    // messages a second
	time          time.Duration
	rows          int // of the roll that the pipelines read
}

// fanOut is what the bench of the gateway says of one program.
type fanOut struct {
	Name        string  `json:"name"`
	Connections int     `json:"connections_per_second"`
	Resident    float64 `json:"resident_kb"`
	P50         float64 `json:"p50_ms"`
	P95         float64 `json:"p95_ms"`
	P99         float64 `json:"p99_ms"`
	Delivered99 float64 `json:"delivered_p99_ms"`
	Lost        int     `json:"lost"`
	Expected    int     `json:"expected"`
}

// pipelineRun is what one pipeline did with a roll.
type pipelineRun struct {
	name      string
	took      time.Duration // from upload to report
	peakBytes int64         // of all its processes but PostgreSQL's
	// After kill -9 in the middle of another such roll and a start: how long until its end,
	// and how many of its people are no member then.
	recovered time.Duration
	missing   int
}

// comparePeers gives the same work to rollcall and to what people would use instead, one
// after the other, and prints two tables.
func comparePeers(ctx context.Context, l peerLoad, out io.Writer) (err error) {
	b := &bench{}
	if b.dir, err = os.MkdirTemp("", "rollcall-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	fans, err := b.measureFanOut(ctx, l)
	if err != nil {
		return err
	}
	runs, err := b.measurePipelines(ctx, l)
	if err != nil {
		return err
	}
	return printPeers(out, l, fans, runs)
}

func (b *bench) measureFanOut(ctx context.Context, l peerLoad) (list []fanOut, err error) {
	program := filepath.Join(b.dir, "gateway-bench")
	text, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./gateway/bench").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, text)
	}
	for _, peer := range []string{"", "centrifugo", "socketio"} {
		cmd := exec.CommandContext(ctx, program, "-json", "-peer", peer, "-programs", l.dir,
			"-clients", fmt.Sprint(l.clients), "-jobs", fmt.Sprint(l.jobs), "-rate", fmt.Sprint(l.rate),
			"-time", l.time.String())
		cmd.Stderr = os.Stderr
		text, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", peer, err)
		}
		var f fanOut
		if err := json.Unmarshal(text, &f); err != nil {
			return nil, fmt.Errorf("measure %s: %w", peer, err)
		}
		list = append(list, f)
	}
	return list, nil
}

// printPeers prints the tables.
func printPeers(out io.Writer, l peerLoad, fans []fanOut, runs []pipelineRun) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d clients of %d jobs, %d messages a second:\n\n", l.clients, l.jobs, l.rate)
	rows := [][]string{{"", "connections a second", "resident memory of one",
		"publish to receive p50, p95, p99", "accepted to receive p99", "lost when killed and replaced"}}
	for _, f := range fans {
		rows = append(rows, []string{f.Name, fmt.Sprint(f.Connections), fmt.Sprintf("%.1f KB", f.Resident),
			fmt.Sprintf("%.1f, %.1f, %.1f ms", f.P50, f.P95, f.P99), fmt.Sprintf("%.1f ms", max(f.Delivered99, 0)),
			fmt.Sprintf("%d of %d", f.Lost, f.Expected)})
	}
	writeTable(&b, rows)
	fmt.Fprintf(&b, "\nA roll of %d people whose answers of the IEC are known:\n\n", l.rows)
	rows = [][]string{{"", "upload to report", "rows a second", "peak memory", "killed in the middle: ended after",
		"people missing then"}}
	for _, r := range runs {
		rows = append(rows, []string{r.name, formatSeconds(r.took), fmt.Sprintf("%.0f", float64(l.rows)/r.took.Seconds()),
			fmt.Sprintf("%d MB", r.peakBytes>>20), formatSeconds(r.recovered), fmt.Sprint(r.missing)})
	}
	writeTable(&b, rows)
	_, err := io.WriteString(out, b.String())
	return err
}
