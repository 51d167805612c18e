package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// result is a row of the table.
type result struct {
	what string
	took time.Duration
	// rows is the number of rows in that time; 0 leaves rows/s out.
	rows int
	// peakBytes is the peak of resident memory; 0 means that it was not measured.
	peakBytes int64
	// peer is another program, which took peerTook for the same; "" for none.
	peer     string
	peerTook time.Duration
	// target is the goal in words.
	target string
	// grows is the series that it is a point of, of so large a size; "" for none.
	grows string
	size  int
	// cpu is the processor time of rollcall and its PostgreSQL.
	cpu time.Duration
	// stages are the times of a job's stages.
	stages []stageTime
}

// printTable prints the results as a Markdown table with aligned columns.
func printTable(out io.Writer, results []result) error {
	cells := [][]string{{"what", "rollcall", "rows/s", "peak memory", "peer", "its time", "ratio", "target"}}
	for _, r := range results {
		row := []string{r.what, formatSeconds(r.took), "", "", r.peer, "", "", r.target}
		if r.rows > 0 {
			row[2] = fmt.Sprintf("%.0f", float64(r.rows)/r.took.Seconds())
		}
		if r.peakBytes > 0 {
			row[3] = fmt.Sprintf("%d MB", r.peakBytes>>20)
		}
		if r.peer != "" {
			row[5] = formatSeconds(r.peerTook)
			row[6] = fmt.Sprintf("%.2f", r.took.Seconds()/r.peerTook.Seconds())
		}
		cells = append(cells, row)
	}
	var b strings.Builder
	writeTable(&b, cells)
	_, err := io.WriteString(out, b.String())
	return err
}

// writeTable writes a Markdown table with aligned columns.
func writeTable(b *strings.Builder, cells [][]string) {
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for n, row := range cells {
		for i, cell := range row {
			fmt.Fprintf(b, "| %-*s ", widths[i], cell)
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for _, width := range widths {
			b.WriteString("|" + strings.Repeat("-", width+2))
		}
		b.WriteString("|\n")
	}
}

func formatSeconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
