package main

import (
	"context"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/stage"
)

// A file on which a stage always panics fails alone: the stage's only worker completes the
// files that came after it.
func TestPoisonFileBlocksNoOtherJob(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	poison := map[events.Stage]string{}
	for name := range p.handlers {
		p.intercept(name, func(ctx context.Context, w *stage.Work, h stage.Handler) (events.Fact, error) {
			if w.Job.FileName == string(name)+".csv" {
				panic("a parser's bug, in " + w.Job.FileName)
			}
			return h(ctx, w)
		})
		poison[name] = p.upload(string(name)+".csv", "Poison")
	}
	var good []string
	for range 3 {
		good = append(good, p.upload("good.csv", "Good"))
	}
	p.start()
	for _, id := range good {
		p.waitForEnd(id, events.KindReported)
	}
	for name, id := range poison {
		job := p.waitForEnd(id, events.KindFailed)
		if f := job.Failed; f.Stage != name || f.Code != "internal_error" || f.Attempts != 5 || !f.Retryable {
			t.Errorf("%s: %+v", name, f)
		}
		p.waitSettled(name)
	}
	p.waitSettled("projection")

	lines := strings.Split(strings.TrimSpace(mustRun(t, "jobs", "--failed", "--server", p.url, "--token", p.token)), "\n")
	if len(lines) != 1+len(poison) {
		t.Fatalf("%d lines, want those of the %d that failed:\n%s", len(lines), len(poison), strings.Join(lines, "\n"))
	}
	for _, line := range lines[1:] {
		f := strings.Fields(line)
		if len(f) < 7 || poison[events.Stage(f[1])] != f[0] || f[2] != "internal_error" || f[3] != "5" ||
			f[6] != f[1]+".csv" {
			t.Errorf("the list says %q", line)
		}
	}

	for name, id := range poison { // the bug was mended
		p.intercept(name, nil)
		p.steer("retry", id)
		p.waitForEnd(id, events.KindReported)
	}
}
