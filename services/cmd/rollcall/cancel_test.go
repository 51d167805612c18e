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
	p := newPlant(t)
	// cancelled asks for the end of the job in hand and waits until the stage is told.
	cancelled := func(ctx context.Context, w *stage.Work) {
		p.post("cancel", w.Job.ID)
		<-ctx.Done()
	}
	during := func(ctx context.Context, w *stage.Work, h stage.Handler) (events.Fact, error) {
		cancelled(ctx, w)
		return h(ctx, w)
	}
	waiting := p.upload("waiting.csv", "Waiting")
	p.post("cancel", waiting)
	p.start()
	p.settled(events.StageValidation)
	if job := p.ends(waiting, events.KindCancelled); job.Stage != events.StageValidation || p.database() != "" {
		t.Fatalf("cancelled in %s; the database has\n%s", job.Stage, p.database())
	}
	p.post("retry", waiting)
	p.ends(waiting, events.KindReported)

	p.cancelWhilePaused(events.StageIEC, events.PauseUnavailable)
	p.cancelWhilePaused(events.StagePersistence, events.PauseDatabase)

	for _, c := range []struct {
		name  string
		stage events.Stage
		step  around
	}{
		{"validation at work", events.StageValidation, during},
		{"iec at work", events.StageIEC, during},
		{"persistence before its commit", events.StagePersistence, during},
		{"persistence between its commit and its fact", events.StagePersistence,
			func(ctx context.Context, w *stage.Work, h stage.Handler) (events.Fact, error) {
				before := p.database()
				fact, err := h(ctx, w)
				if err == nil && p.database() == before {
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
		before := p.database()
		p.step(c.stage, c.step)
		id := p.upload("roll.csv", c.name)
		job := p.ends(id, events.KindCancelled)
		p.settled(c.stage)
		if job.Stage != c.stage || job.Cancelled.Stage != c.stage {
			t.Errorf("%s: cancelled in %s", c.name, job.Stage)
		}
		// Members are written before the report's turn, and stay.
		if after := p.database(); (after == before) != (c.stage != events.StageReport) {
			t.Errorf("%s: before\n%s\nafter\n%s", c.name, before, after)
		}
		p.step(c.stage, nil)
		p.post("retry", id)
		done := p.ends(id, events.KindReported)
		if s := done.Persisted.Stats; s.Updates != len(onRoll) {
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
func (p *plant) cancelWhilePaused(name events.Stage, reason string) {
	p.t.Helper()
	p.step(name, func(context.Context, *stage.Work, stage.Handler) (events.Fact, error) {
		return nil, stage.Postpone(time.Now().Add(time.Second), reason, "It goes on by itself.", nil)
	})
	before := p.database()
	id := p.upload("paused.csv", "Paused")
	p.ends(id, events.KindPaused)
	p.post("cancel", id)
	p.settled(name)
	if job := p.ends(id, events.KindCancelled); job.Stage != name || p.database() != before {
		p.t.Errorf("paused in %s: cancelled in %s; before\n%s\nafter\n%s", name, job.Stage, before, p.database())
	}
	p.step(name, nil)
	p.post("retry", id)
	p.ends(id, events.KindReported)
}
