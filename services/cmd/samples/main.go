// Command samples writes the made-up rolls that ship with the project:
//
//	go run ./services/cmd/samples -out schema/samples/roll-500.xlsx
//	go run ./services/cmd/samples -hostile -out schema/samples/hostile.xlsx
//
// The same seed and number of rows always make the same cells.
package main

//go:generate go run . -out ../../../schema/samples/roll-500.xlsx
//go:generate go run . -hostile -out ../../../schema/samples/hostile.xlsx

import (
	"flag"
	"fmt"
	"os"

	"github.com/tealeg/xlsx/v3"
)

const (
	defaultSeed = 1994
	defaultRows = 500
)

func main() {
	seed := flag.Uint64("seed", defaultSeed, "seed of the random number generator")
	rows := flag.Int("rows", defaultRows, "number of rows with a person; blank rows come on top")
	hostile := flag.Bool("hostile", false, "write the roll that breaks each rule; ignores seed and rows")
	out := flag.String("out", "roll.xlsx", "file to write")
	flag.Parse()
	roll := func() (*xlsx.File, error) { return makeRoll(*seed, *rows) }
	if *hostile {
		roll = makeHostile
	}
	if err := saveRoll(roll, *out); err != nil {
		fmt.Fprintln(os.Stderr, "samples:", err)
		os.Exit(1)
	}
}

func saveRoll(roll func() (*xlsx.File, error), out string) error {
	file, err := roll()
	if err != nil {
		return fmt.Errorf("make roll: %w", err)
	}
	if err := file.Save(out); err != nil {
		return fmt.Errorf("write roll: %w", err)
	}
	return nil
}
