package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"rollcall.example/events/mappings"
	"rollcall.example/gateway/client"
	"rollcall.example/services/validation/inspect"
	"rollcall.example/services/workbook"
)

type inspectCmd struct {
	File      string `arg:"" type:"existingfile" help:"${help_inspect_file}"`
	JSON      bool   `env:"-" name:"json" xor:"form" help:"${help_inspect_json}"`
	Rows      bool   `env:"-" xor:"form" help:"${help_inspect_rows}"`
	AllSheets bool   `env:"-" help:"${help_inspect_all_sheets}"`

	Map []string `env:"-" sep:"none" placeholder:"HEADER=FIELD" help:"${help_map}"`
}

// Run tells what would be read of a file, or prints that.
func (c *inspectCmd) Run(ctx context.Context, p *process) error {
	if c.AllSheets && !c.Rows {
		return errors.New("inspect: --all-sheets goes with --rows")
	}
	if len(c.Map) > 0 && c.Rows {
		return errors.New("inspect: --map does not go with --rows, which prints cells whatever their columns mean")
	}
	said, err := parseMap(c.Map)
	if err != nil {
		return err
	}
	mapping, err := mappings.Parse(client.EncodeMapping(said))
	if err != nil {
		return err
	}
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if c.Rows {
		return inspect.WriteRows(ctx, p.out, file, info.Size(), workbook.Budget{}, c.AllSheets)
	}
	report, err := inspect.File(ctx, file, info.Size(),
		inspect.Settings{Name: filepath.Base(c.File), Mapping: mapping, Now: time.Now()})
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(p.out)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		return out.Encode(report)
	}
	return printReport(p.out, report)
}

func countRows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

// printReport prints for people what there is to tell of a file.
func printReport(w io.Writer, r *inspect.Report) error {
	out := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(out, "%s: %s, %d bytes", oneLine(r.FileName, 200), r.Format, r.FileSize)
	if r.Encoding != "" {
		fmt.Fprintf(out, ", %s, delimiter %q", r.Encoding, r.Delimiter)
	}
	fmt.Fprint(out, "\n\n")
	for i, s := range r.Sheets {
		notes := []string(nil)
		if i == r.Sheet && r.Refusal == nil {
			notes = append(notes, "read")
		}
		if s.Hidden {
			notes = append(notes, "hidden")
		}
		if s.Problem != "" {
			notes = append(notes, s.Problem)
		}
		name := cmp.Or(oneLine(s.Name, shown), "(the file)")
		fmt.Fprintf(out, "sheet %s\t%s\t%s\n", name, countRows(s.Rows), strings.Join(notes, ", "))
	}
	fmt.Fprintf(out, "\n%s\n\n", r.Why)
	printColumns(out, r.Columns)
	n := r.Counts
	fmt.Fprintf(out, "\n%s: %d with a valid ID number, %d with an invalid one, %d that repeat one\n",
		countRows(n.TotalRecords), n.ValidIDs, n.InvalidIDs, n.Duplicates)
	for _, code := range slices.Sorted(maps.Keys(r.Rejected)) {
		fmt.Fprintf(out, "rejected, %s\t%d\n", code, r.Rejected[code])
	}
	for _, warned := range r.RowWarnings {
		fmt.Fprintf(out, "warned of, %s %s\t%d\tfirst in row %d\n", warned.Field, warned.Code, warned.Rows, warned.FirstRow)
	}
	for _, warned := range r.FileWarnings {
		fmt.Fprintf(out, "%s\n", warned.Message)
	}
	if r.Refusal != nil {
		fmt.Fprintf(out, "\nAn upload would be refused: %s (%s)\n", r.Refusal.Message, r.Refusal.Code)
	}
	return out.Flush()
}

func printColumns(out io.Writer, columns []inspect.Column) {
	fmt.Fprintln(out, "COLUMN\tHEADER\tREAD AS\tFILLED\tFIRST VALUES\tWHY")
	for _, c := range columns {
		field := "-"
		if c.Field != nil {
			field = *c.Field
		}
		values := make([]string, 0, len(c.Values))
		for _, value := range c.Values {
			values = append(values, oneLine(value, shown))
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%d\t%s\t%s\n", c.Letter, oneLine(c.Header, shown), field, c.Filled,
			strings.Join(values, ", "), c.Message)
	}
}

// shown is how many characters of a text the table shows.
const shown = 24

// oneLine makes a text one line of most characters, without what steers a terminal.
func oneLine(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
