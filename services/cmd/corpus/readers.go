package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

//go:embed openpyxl.py
var openpyxlScript string

// reader is a program that prints the rows of a workbook as lines of JSON, each a row.
type reader struct {
	name string
	args []string // the file's name follows them
}

// row is a row of a sheet. Cells are texts or values.
type row struct {
	Sheet string            `json:"sheet"`
	Row   int               `json:"row"`
	Cells []json.RawMessage `json:"cells"`
	// Date1904 stands in a first line that is no row: days count from 1904.
	Date1904 bool `json:"date1904"`
}

// reading is what became of a reader.
type reading struct {
	rows    []row
	err     error // nil where the file was read
	panics  bool
	hangs   bool
	refused string // the code of rollcall's refusal
	took    time.Duration
	memory  int64 // bytes, at most
}

// findReaders returns the readers that rollcall is compared with.
func findReaders(ctx context.Context) ([]reader, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	all := []reader{{"excelize", []string{self, "-read"}}}
	// Debian's package serves Debian's Python, which may not be the first one.
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(ctx, python, "-c", "import openpyxl").Run() == nil {
			return append(all, reader{"openpyxl", []string{python, "-c", openpyxlScript}}), nil
		}
	}
	fmt.Fprintln(os.Stderr, "corpus: python3 with openpyxl is not there, so nothing is compared with it")
	return all, nil
}

// read runs a reader for one file.
func (r reader) read(ctx context.Context, file string, limit time.Duration) reading {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.args[0], append(r.args[1:len(r.args):len(r.args)], file)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		return reading{err: err}
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return reading{err: err}
	}
	var got reading
	got.rows, err = decodeRows(out)
	_, _ = io.Copy(io.Discard, out) // what follows a line that is none
	ended := cmd.Wait()
	got.took, got.memory = time.Since(begun), mostMemory(cmd.ProcessState)
	said := strings.TrimSpace(errs.String())
	switch {
	case ctx.Err() != nil:
		got.hangs, got.err = true, ctx.Err()
	case strings.Contains(said, "\ngoroutine "):
		got.panics, got.err = true, errors.New(said)
	case ended != nil:
		got.err = errors.New(said)
		if i := strings.LastIndex(said, " ("); i >= 0 && strings.HasSuffix(said, ")") {
			got.refused = said[i+2 : len(said)-1]
		}
	case err != nil:
		got.err = err
	}
	return got
}

func decodeRows(out io.Reader) (rows []row, err error) {
	for lines := json.NewDecoder(out); ; {
		var r row
		if err := lines.Decode(&r); errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return rows, err
		}
		rows = append(rows, r)
	}
}

// mostMemory returns how many bytes a process has taken at most.
func mostMemory(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return usage.Maxrss
	}
	return usage.Maxrss << 10
}
