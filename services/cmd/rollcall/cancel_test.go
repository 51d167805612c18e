package main

import (
	"context"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/stage"
)

// A cancellation at each moment of a job leaves the database as it was before
// the stage that it met, and a retry completes the job all the same.
func TestCancelInEachStage(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	// cancelled cancels the job and waits until the stage notices.
	cancelled := func(ctx context.Context, w *stage.Work) {
		p.steer("cancel", w.Job.ID)
		<-ctx.Done()
	}
	during := func(ctx context.Context, w *stage.Work, h stage.Handler) (events.Fact, error) {
		cancelled(ctx, w)
		return h(ctx, w)
	}
	waiting := p.upload("waiting.csv", "Waiting")
	p.steer("cancel", waiting)
	p.start()
	p.waitSettled(events.StageValidation)
	if job := p.waitForEnd(waiting, events.KindCancelled); job.Stage != events.StageValidation || p.dumpDatabase() != "" {
		t.Fatalf("cancelled in %s; the database has\n%s", job.Stage, p.dumpDatabase())
	}
	p.steer("retry", waiting)
	p.waitForEnd(waiting, events.KindReported)

	p.cancelWhilePaused(events.StageIEC, events.PauseUnavailable)
	p.cancelWhilePaused(events.StagePersistence, events.PauseDatabase)

	for _, c := range []struct {
		name  string
		stage events.Stage
		step  interceptor
	}{
		{"validation at work", events.StageValidation, during},
		{"iec at work", events.StageIEC, during},
		{"persistence before its commit", events.StagePersistence, during},
		{"persistence between its commit and its fact", events.StagePersistence,
			func(ctx context.Context, w *stage.Work, h stage.Handler) (events.Fact, error) {
				before := p.dumpDatabase()
				fact, err := h(ctx, w)
				if err == nil && p.dumpDatabase() == before {
					t.Error("nothing was written that could be taken back")
				}
				cancelled(ctx, w)
				return fact, err
			}},
		{"report at work", events.StageReport, during},
		{"report has stored its workbook", events.StageReport,
			func(ctx context.Context, w *stage.Work, h stage.Handler) (events.Fact, error) {
				fact, err := h(ctx, w)
				cancelled(ctx, w)
				return fact, err
			}},
	} {
		before := p.dumpDatabase()
		p.intercept(c.stage, c.step)
		id := p.upload("roll.csv", c.name)
		job := p.waitForEnd(id, events.KindCancelled)
		p.waitSettled(c.stage)
		if job.Stage != c.stage || job.Cancelled.Stage != c.stage {
			t.Errorf("%s: cancelled in %s", c.name, job.Stage)
		}
		// Members are written before the report, and stay.
		if after := p.dumpDatabase(); (after == before) != (c.stage != events.StageReport) {
			t.Errorf("%s: before\n%s\nafter\n%s", c.name, before, after)
		}
		p.intercept(c.stage, nil)
		p.steer("retry", id)
		done := p.waitForEnd(id, events.KindReported)
		if s := done.Persisted.Stats; s.Updates != len(rollIDs) {
			t.Errorf("%s: after the retry %+v", c.name, s)
		}
		var list []events.Kind
		facts, err := p.log.Replay(t.Context(), id, 0)
		for _, e := range facts {
			list = append(list, e.Kind)
		}
		if err != nil || len(list) != 7 { // each stage's once, cancelled and retried
			t.Errorf("%s: %v, %v", c.name, list, err)
		}
	}
}

// cancelWhilePaused cancels a job whose stage waits for something.
func (p *pipeline) cancelWhilePaused(name events.Stage, reason string) {
	p.t.Helper()
	p.intercept(name, func(context.Context, *stage.Work, stage.Handler) (events.Fact, error) {
		return nil, stage.Postpone(time.Now().Add(time.Second), reason, "It goes on by itself.", nil)
	})
	before := p.dumpDatabase()
	id := p.upload("paused.csv", "Paused")
	p.waitForEnd(id, events.KindPaused)
	p.steer("cancel", id)
	p.waitSettled(name)
	if job := p.waitForEnd(id, events.KindCancelled); job.Stage != name || p.dumpDatabase() != before {
		p.t.Errorf("paused in %s: cancelled in %s; before\n%s\nafter\n%s", name, job.Stage, before, p.dumpDatabase())
	}
	p.intercept(name, nil)
	p.steer("retry", id)
	p.waitForEnd(id, events.KindReported)
}
