package iec

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

// takeVerdicts gives the rows that a job takes over from another one the verdicts
// that they have there. It asks nobody.
func (s *Service) takeVerdicts(ctx context.Context, w *stage.Work,
	load func(context.Context) (events.Job, error)) (_ events.Fact, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("take verdicts: %w", err)
		}
	}()
	other, err := load(ctx)
	if err != nil {
		return nil, err
	}
	out, err := records.NewWriter[records.Verdict](s.cfg.Store)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	next, stop := iter.Pull2(records.Each[records.Verdict](ctx, s.cfg.Store, other.Verified.Verdicts, nil))
	defer stop()
	var stats events.IECStats
	for row, err := range records.Each[records.Row](ctx, s.cfg.Store, w.Job.Validated.Rows, nil) {
		if err != nil {
			return nil, err
		}
		verdict, err, ok := next()
		for ok && err == nil && verdict.N < row.N {
			verdict, err, ok = next()
		}
		if err == nil && (!ok || verdict.N != row.N) {
			err = fmt.Errorf("no verdict of row %d", row.N)
		}
		if err != nil {
			return nil, err
		}
		stats.Total++
		countVerdict(&stats, verdict.Status)
		if err := out.Write(verdict); err != nil {
			return nil, err
		}
	}
	stats.Cached = stats.Total
	artifact, err := out.Store(ctx, s.cfg.Store, events.BucketVerdicts, w.ArtifactName("verdicts"), w.Header("verdicts"))
	if err != nil {
		return nil, err
	}
	return &events.Verified{Verdicts: artifact, Stats: stats}, nil
}
