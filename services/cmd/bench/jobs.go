package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const parallelJobs = 5

// jobMeasurement measures whole jobs.
type jobMeasurement struct {
	what string
	// rolls are the files that it uploads.
	rolls []roll
	// run measures on a rollcall that was started for it.
	run func(ctx context.Context, s *server) ([]result, error)
}

// roll is a workbook of count people, from the person numbered first on.
type roll struct {
	path         string
	first, count int
}

// measureJobs measures one job, several at once with a small one meanwhile, and a
// long one, as far as their names match wanted. Before each it makes a dry run, which
// fills the cache of verdicts and writes no member, and restarts rollcall, so that
// the peak of memory belongs to the measurement alone.
func measureJobs(ctx context.Context, wanted *regexp.Regexp, rows int) (results []result, err error) {
	b := &bench{}
	if b.dir, err = os.MkdirTemp("", "rollcall-bench-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	built := false
	for _, m := range b.jobMeasurements(rows) {
		if !wanted.MatchString(m.what) {
			continue
		}
		if !built {
			if err := b.build(ctx); err != nil {
				return nil, err
			}
			iec, err := b.startCommand(ctx, "iec-sim", "--addr", "127.0.0.1:0")
			if err != nil {
				return nil, err
			}
			defer func() { err = errors.Join(err, iec.stop()) }()
			b.iec, built = iec.url, true
		}
		more, err := b.measure(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.what, err)
		}
		results = append(results, more...)
	}
	return results, nil
}

func (b *bench) jobMeasurements(rows int) []jobMeasurement {
	named := func(name string, first, count int) roll {
		return roll{filepath.Join(b.dir, name+".xlsx"), first, count}
	}
	one, long, small := named("one", 0, rows), named("long", 10*rows, 10*rows), named("small", 9*rows, 50)
	var several []roll
	for i := range parallelJobs {
		several = append(several, named(fmt.Sprint("several-", i+1), (i+1)*rows, rows))
	}
	single := func(what, target string, r roll) jobMeasurement {
		return jobMeasurement{what: what, rolls: []roll{r},
			run: func(ctx context.Context, s *server) ([]result, error) {
				took, err := s.timeJob(ctx, r.path, false)
				return []result{{what: what, took: took, rows: r.count, target: target}}, err
			}}
	}
	what := fmt.Sprintf("job: %d rolls of %d at once", parallelJobs, rows)
	return []jobMeasurement{
		single(fmt.Sprintf("job: %d rows", rows), "8 s, 400 MB", one),
		{what: what, rolls: append(slices.Clone(several), small),
			run: func(ctx context.Context, s *server) ([]result, error) {
				results := []result{
					{what: what, rows: parallelJobs * rows, target: "1 GB"},
					{what: "job: 50 rows meanwhile", rows: small.count, target: "2 s"},
				}
				begin := time.Now()
				all, ctx := errgroup.WithContext(ctx)
				for _, r := range several {
					all.Go(func() error { _, err := s.timeJob(ctx, r.path, false); return err })
				}
				all.Go(func() (err error) {
					// The others must be running.
					select {
					case <-time.After(time.Second):
					case <-ctx.Done():
					}
					results[1].took, err = s.timeJob(ctx, small.path, false)
					return err
				})
				err := all.Wait()
				results[0].took = time.Since(begin)
				return results, err
			}},
		single(fmt.Sprintf("job: %d rows", 10*rows), "10 times the first, 400 MB", long),
	}
}

// measure prepares and runs a measurement. Its first result has the peak of memory.
func (b *bench) measure(ctx context.Context, m jobMeasurement) (results []result, err error) {
	s, err := b.startUp(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range m.rolls {
		if err = writeRoll(r.path, r.first, r.count); err == nil {
			_, err = s.timeJob(ctx, r.path, true)
		}
		if err != nil {
			return nil, errors.Join(err, s.stop())
		}
	}
	if err := s.stop(); err != nil {
		return nil, err
	}
	if s, err = b.startUp(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if results, err = m.run(ctx, s); err != nil {
		return nil, err
	}
	results[0].peakBytes, err = s.peakMemory()
	return results, err
}
