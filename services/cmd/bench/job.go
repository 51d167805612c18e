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

const atOnce = 5

// wholeJob is a measurement of whole jobs.
type wholeJob struct {
	what string
	// rolls are those that it uploads.
	rolls []roll
	// run measures, on a rollcall that was started for it.
	run func(ctx context.Context, s *server) ([]line, error)
}

// roll is a workbook of count people from the first on.
type roll struct {
	path         string
	first, count int
}

// wholeJobs measures what is wanted of: one job, several at once with a small
// one meanwhile, and a long one. Before each, the verdicts of its people are
// brought into the cache by a dry run, which writes no member, and rollcall is
// started again, so that the peak of its memory is that of the measurement.
func wholeJobs(ctx context.Context, wanted *regexp.Regexp, rows int) (lines []line, err error) {
	b := &bench{}
	if b.dir, err = os.MkdirTemp("", "rollcall-bench-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	built := false
	for _, m := range b.measurements(rows) {
		if !wanted.MatchString(m.what) {
			continue
		}
		if !built {
			if err := b.build(ctx); err != nil {
				return nil, err
			}
			iec, err := b.start(ctx, "iec-sim", "--addr", "127.0.0.1:0")
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
		lines = append(lines, more...)
	}
	return lines, nil
}

func (b *bench) measurements(rows int) []wholeJob {
	named := func(name string, first, count int) roll {
		return roll{filepath.Join(b.dir, name+".xlsx"), first, count}
	}
	one, long, small := named("one", 0, rows), named("long", 10*rows, 10*rows), named("small", 9*rows, 50)
	var several []roll
	for i := range atOnce {
		several = append(several, named(fmt.Sprint("several-", i+1), (i+1)*rows, rows))
	}
	single := func(what, target string, r roll) wholeJob {
		return wholeJob{what: what, rolls: []roll{r}, run: func(ctx context.Context, s *server) ([]line, error) {
			took, err := s.job(ctx, r.path, false)
			return []line{{what: what, took: took, rows: r.count, target: target}}, err
		}}
	}
	what := fmt.Sprintf("job: %d rolls of %d at once", atOnce, rows)
	return []wholeJob{
		single(fmt.Sprintf("job: %d rows", rows), "8 s, 400 MB", one),
		{what: what, rolls: append(slices.Clone(several), small), run: func(ctx context.Context, s *server) ([]line, error) {
			lines := []line{
				{what: what, rows: atOnce * rows, target: "1 GB"},
				{what: "job: 50 rows meanwhile", rows: small.count, target: "2 s"},
			}
			begin := time.Now()
			all, ctx := errgroup.WithContext(ctx)
			for _, r := range several {
				all.Go(func() error { _, err := s.job(ctx, r.path, false); return err })
			}
			all.Go(func() (err error) {
				// The others have to be under way.
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
				lines[1].took, err = s.job(ctx, small.path, false)
				return err
			})
			err := all.Wait()
			lines[0].took = time.Since(begin)
			return lines, err
		}},
		single(fmt.Sprintf("job: %d rows", 10*rows), "10 times the first, 400 MB", long),
	}
}

// measure prepares and runs a measurement. The peak stands in its first line.
func (b *bench) measure(ctx context.Context, m wholeJob) (lines []line, err error) {
	s, err := b.up(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range m.rolls {
		if err = writeRoll(r.path, r.first, r.count); err == nil {
			_, err = s.job(ctx, r.path, true)
		}
		if err != nil {
			return nil, errors.Join(err, s.stop())
		}
	}
	if err := s.stop(); err != nil {
		return nil, err
	}
	if s, err = b.up(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if lines, err = m.run(ctx, s); err != nil {
		return nil, err
	}
	lines[0].peak, err = s.peak()
	return lines, err
}
