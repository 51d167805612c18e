package main

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// printResults prints what came of all files. It fails when rollcall panicked or hung.
func printResults(w io.Writer, set settings, others []reader, results []result) error {
	name := func(r result) string {
		if short, err := filepath.Rel(set.dir, r.file); err == nil {
			return short
		}
		return r.file
	}
	read, panics, hangs := 0, 0, 0
	refused := map[string][]string{}
	var slowest, largest result
	for _, r := range results {
		switch {
		case r.own.panics:
			panics++
			fmt.Fprintf(w, "PANIC %s\n%v\n", name(r), r.own.err)
		case r.own.hangs:
			hangs++
			fmt.Fprintf(w, "HANGS %s: more than %s\n", name(r), set.limit)
		case r.own.err != nil:
			code := r.own.refused
			if code == "" {
				code = firstLine(r.own.err)
			}
			refused[code] = append(refused[code], name(r))
		default:
			read++
		}
		if r.own.took > slowest.own.took {
			slowest = r
		}
		if r.own.memory > largest.own.memory {
			largest = r
		}
	}
	for _, code := range slices.Sorted(maps.Keys(refused)) {
		fmt.Fprintf(w, "refused, %s: %s\n", code, strings.Join(refused[code], ", "))
	}
	for _, other := range others {
		printComparison(w, other.name, results, name)
	}
	fmt.Fprintf(w, "rollcall: %d files, %d read, %d refused, %d panics, %d hang\n",
		len(results), read, len(results)-read-panics-hangs, panics, hangs)
	fmt.Fprintf(w, "slowest: %.2f s, %s\n", slowest.own.took.Seconds(), name(slowest))
	fmt.Fprintf(w, "largest memory: %d MB, %s\n", largest.own.memory>>20, name(largest))
	if panics+hangs > 0 {
		return fmt.Errorf("%d panics, %d files without an end", panics, hangs)
	}
	return nil
}

// printComparison prints what another reader reads otherwise.
func printComparison(w io.Writer, other string, results []result, name func(result) string) {
	files, same, different, unread := 0, 0, 0, 0
	for _, r := range results {
		if err := r.unread[other]; err != nil {
			unread++
			fmt.Fprintf(w, "not read by %s: %s: %s\n", other, name(r), firstLine(err))
		}
		c, compared := r.others[other]
		if !compared {
			continue
		}
		files, same, different = files+1, same+c.same, different+c.different
		if c.different > 0 {
			fmt.Fprintf(w, "%s differs in %d cells of %s\n", other, c.different, name(r))
		}
		for _, text := range c.shown {
			fmt.Fprintf(w, "    %s\n", text)
		}
	}
	fmt.Fprintf(w, "%s: %d files compared, %d cells the same, %d different; %d files it does not read\n",
		other, files, same, different, unread)
}

// firstLine returns the last line of what a program has said of Python's errors, and the
// first of others.
func firstLine(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	line := lines[0]
	if strings.HasPrefix(line, "Traceback") {
		line = lines[len(lines)-1]
	}
	return line
}
