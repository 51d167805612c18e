// Command corpus reads every file below a folder with rollcall and with other readers, and
// compares cell by cell what they read:
//
//	go tool task corpus -- DIR
//
// Each reader reads each file in a process of its own: rollcall by `rollcall inspect
// --rows`, excelize, and openpyxl where Python has it. It prints what rollcall refuses,
// how many cells are the same and which are not, and what took longest and most memory. It
// fails when rollcall panics or does not end. It prints texts of cells: do not give it
// rolls of real people.
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

type settings struct {
	rollcall string // the program
	dir      string
	limit    time.Duration // for one reader and one file
	shown    int           // differences of a file
	workers  int
}

func main() {
	var set settings
	read := flag.String("read", "", "print what excelize reads of this file, and nothing else")
	flag.StringVar(&set.rollcall, "rollcall", "bin/rollcall", "the program that is compared")
	flag.DurationVar(&set.limit, "limit", time.Minute, "how long a reader may take for a file")
	flag.IntVar(&set.shown, "show", 3, "how many differences of a file are shown")
	flag.IntVar(&set.workers, "workers", runtime.NumCPU(), "how many files are read at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case *read != "":
		err = printExcelize(os.Stdout, *read)
	case flag.NArg() != 1:
		err = fmt.Errorf("give one folder: go tool task corpus -- DIR")
	default:
		set.dir = flag.Arg(0)
		err = run(ctx, set)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "corpus:", err)
		os.Exit(1)
	}
}

// run reads all files of the folder and prints what came of it.
func run(ctx context.Context, set settings) error {
	others, err := findReaders(ctx)
	if err != nil {
		return err
	}
	files, err := listFiles(set.dir)
	if err != nil {
		return err
	}
	results := make([]result, len(files))
	next := make(chan int)
	var wg sync.WaitGroup
	for range max(set.workers, 1) {
		wg.Go(func() {
			for i := range next {
				results[i] = compareFile(ctx, set, others, files[i])
			}
		})
	}
	for i := range files {
		next <- i
	}
	close(next)
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return printResults(os.Stdout, set, others, results)
}

// listFiles returns the files below a folder, but for what describes it.
func listFiles(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && !strings.EqualFold(filepath.Ext(path), ".md") {
			files = append(files, path)
		}
		return err
	})
	return files, err
}
