package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// runBenchmark runs a Go benchmark once and adds what it reports to the results.
func runBenchmark(ctx context.Context, pkg, bench string, to benchResults) error {
	var pattern []string
	for _, name := range strings.Split("Benchmark"+bench, "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(name)+"$")
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", strings.Join(pattern, "/"), "-benchtime",
		"1x", "-benchmem", pkg)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go test: %w\n%s", err, &out)
	}
	return to.add(out.String())
}

// cpuSuffix matches the number of processors at the end of a benchmark's name.
var cpuSuffix = regexp.MustCompile(`-\d+$`)

// add parses the output of go test -bench.
func (r benchResults) add(output string) error {
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := cpuSuffix.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")
		if r[name] == nil {
			r[name] = map[string][]float64{}
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return fmt.Errorf("benchmark %s: %w", name, err)
			}
			r[name][fields[i+1]] = append(r[name][fields[i+1]], value)
		}
	}
	return nil
}
