package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"rollcall.example/events"
	"rollcall.example/gateway/client"
	"rollcall.example/gateway/frames"
)

// progress shows a job: a bar on a terminal, a line for each change elsewhere.
type progress struct {
	out  io.Writer
	bar  *progressbar.ProgressBar
	last string
	// ended says that the last line has replaced the bar.
	ended bool
}

// isTerminal reports whether a person reads the output, and nothing keeps it.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out}
	if isTerminal(out) {
		p.bar = progressbar.NewOptions(100, progressbar.OptionSetWriter(out), progressbar.OptionSetWidth(30),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
	}
	return p
}

func (p *progress) show(f client.Frame) error {
	line, err := describe(f)
	if err != nil {
		return err
	}
	if p.bar == nil {
		if line != p.last {
			p.last = line
			fmt.Fprintln(p.out, line)
		}
		return nil
	}
	switch f.Event {
	case frames.EventComplete, frames.EventFailed, frames.EventErased:
		if err := p.bar.Clear(); err != nil {
			return err
		}
		p.ended = true
		fmt.Fprintln(p.out, line)
		return nil
	}
	d, err := f.Progress()
	if err != nil {
		return err
	}
	p.bar.Describe(fmt.Sprintf("%-20s %s", words(d.Stage), d.Message))
	return p.bar.Set(d.Progress)
}

// close ends the line of the bar.
func (p *progress) close() {
	if p.bar != nil && !p.ended {
		fmt.Fprintln(p.out)
	}
}

// describeRare returns the counts of outcomes that most jobs do not have, for the end of a
// line.
func describeRare(n events.DatabaseStats) (text string) {
	for _, count := range []struct {
		n    int
		what string
	}{
		{n.Known, "members already"}, {n.Unknown, "no members"}, {n.Removed, "removed"}, {n.Kept, "kept"},
		{n.Transfers, "waiting"}, {n.Objected, "objected"}, {n.Errors, "refused"},
	} {
		if count.n > 0 {
			text += fmt.Sprintf(", %d %s", count.n, count.what)
		}
	}
	return text
}

// describe returns a frame in one line.
func describe(f client.Frame) (string, error) {
	switch f.Event {
	case frames.EventComplete:
		d, err := f.Complete()
		if err != nil {
			return "", err
		}
		dry := ""
		if d.Database.DryRun {
			dry = " (a dry run: nothing was written)"
		}
		took := (time.Duration(d.DurationMS) * time.Millisecond).Round(10 * time.Millisecond)
		return fmt.Sprintf("100%%  completed in %s: %d rows, %d valid, %d inserted, %d updated, %d unchanged%s%s",
			took, d.Validation.TotalRecords, d.Validation.ValidRecords,
			d.Database.Inserts, d.Database.Updates, d.Database.Unchanged, describeRare(d.Database), dry), nil
	case frames.EventFailed:
		d, err := f.Failed()
		if err != nil {
			return "", err
		}
		if d.Code == "" {
			return string(d.Status), nil
		}
		return fmt.Sprintf("%s in %s: %s (%s)", d.Status, words(d.Stage), d.Error, d.Code), nil
	case frames.EventErased:
		d, err := f.Erased()
		if err != nil {
			return "", err
		}
		if d.Reason == events.ErasedExpired {
			return "data was removed because its retention period is over", nil
		}
		return "a person was erased", nil
	}
	d, err := f.Progress()
	if err != nil {
		return "", err
	}
	line := fmt.Sprintf("%3d%%  %s", d.Progress, words(d.Stage))
	if d.Total > 0 {
		line += fmt.Sprintf(" %d/%d", d.Processed, d.Total)
	}
	if d.Message != "" {
		line += ": " + d.Message
	}
	if !d.ETA.IsZero() {
		line += ", until about " + d.ETA.Local().Format("2 Jan 15:04:05")
	}
	return line, nil
}

// words turns iec_verification into IEC verification.
func words[T ~string](stage T) string {
	text := strings.ReplaceAll(string(stage), "_", " ")
	if rest, ok := strings.CutPrefix(text, "iec "); ok {
		return "IEC " + rest
	}
	return text
}
