// Command samples writes the made-up roll that ships with the project:
//
//	go run ./services/cmd/samples -out schema/samples/roll-500.xlsx
//
// The same seed and number of rows always make the same cells.
package main

//go:generate go run . -out ../../../schema/samples/roll-500.xlsx

import (
	"flag"
	"fmt"
	"os"
)

const (
	defaultSeed = 1994
	defaultRows = 500
)

func main() {
	seed := flag.Uint64("seed", defaultSeed, "seed of the random numbers")
	rows := flag.Int("rows", defaultRows, "rows with a person, blank rows not counted")
	out := flag.String("out", "roll.xlsx", "file to write")
	flag.Parse()
	if err := run(*seed, *rows, *out); err != nil {
		fmt.Fprintln(os.Stderr, "samples:", err)
		os.Exit(1)
	}
}

func run(seed uint64, rows int, out string) error {
	file, err := makeRoll(seed, rows)
	if err != nil {
		return fmt.Errorf("make roll: %w", err)
	}
	if err := file.Save(out); err != nil {
		return fmt.Errorf("write roll: %w", err)
	}
	return nil
}
