package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// line is a row of the table.
type line struct {
	what string
	took time.Duration
	// rows is how many were worked on in that time; 0 leaves rows/s out.
	rows int
	// peak is the most memory that was resident, in bytes; 0 is not measured.
	peak int64
	// peer did the same in its time, "" for nobody.
	peer     string
	peerTook time.Duration
	// target is what is wanted, in words.
	target string
}

// table prints the lines as a table of Markdown with even columns.
func table(out io.Writer, lines []line) error {
	cells := [][]string{{"what", "rollcall", "rows/s", "peak memory", "peer", "its time", "ratio", "target"}}
	for _, l := range lines {
		row := []string{l.what, seconds(l.took), "", "", l.peer, "", "", l.target}
		if l.rows > 0 {
			row[2] = fmt.Sprintf("%.0f", float64(l.rows)/l.took.Seconds())
		}
		if l.peak > 0 {
			row[3] = fmt.Sprintf("%d MB", l.peak>>20)
		}
		if l.peer != "" {
			row[5] = seconds(l.peerTook)
			row[6] = fmt.Sprintf("%.2f", l.took.Seconds()/l.peerTook.Seconds())
		}
		cells = append(cells, row)
	}
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	var b strings.Builder
	for n, row := range cells {
		for i, cell := range row {
			fmt.Fprintf(&b, "| %-*s ", widths[i], cell)
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
	_, err := io.WriteString(out, b.String())
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
