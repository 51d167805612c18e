package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall.example/events/embedded"
)

const (
	parallelJobs = 5
	smallRows    = 50
)

// jobMeasurement measures whole jobs.
type jobMeasurement struct {
	what string
	// rolls are the files that it uploads.
	rolls []roll
	// people are all that are on them.
	people roll
	// run measures on a rollcall that was started for it.
	run func(ctx context.Context, s *server) ([]result, error)
}

// roll is a workbook of count people, from the person numbered first on.
type roll struct {
	path         string
	first, count int
}

// measureJobs measures how jobs grow, and several at once with a small one meanwhile, as
// far as their names match wanted. Before each the IEC is asked about all its people, so
// that the answers are known, and rollcall is restarted, so that the peak of memory belongs
// to the measurement alone.
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
	next := 0 // nobody is on two rolls
	named := func(name string, count int) roll {
		next += count
		return roll{filepath.Join(b.dir, name+".xlsx"), next - count, count}
	}
	list := growthMeasurements(named, rows)
	people := roll{filepath.Join(b.dir, "people.xlsx"), next, parallelJobs*rows + smallRows}
	var several []roll
	for i := range parallelJobs {
		several = append(several, named(fmt.Sprint("several-", i+1), rows))
	}
	small := named("small", smallRows)
	what := fmt.Sprintf("job: %d rolls of %d at once", parallelJobs, rows)
	return append(list, jobMeasurement{what: what, rolls: append(slices.Clone(several), small), people: people,
		run: func(ctx context.Context, s *server) ([]result, error) {
			results := []result{
				{what: what, rows: parallelJobs * rows, target: "1 GB"},
				{what: fmt.Sprintf("job: %d rows meanwhile", smallRows), rows: smallRows, target: "2 s"},
			}
			all, ctx := errgroup.WithContext(ctx)
			all.Go(func() (err error) { results[0].took, err = s.timeJobs(ctx, several); return err })
			all.Go(func() (err error) {
				// The others must be running.
				if err := wait(ctx, time.Second); err != nil {
					return err
				}
				results[1].took, err = s.timeJob(ctx, small.path, false)
				return err
			})
			return results, all.Wait()
		}})
}

// timeJobs uploads rolls at once, and returns how long it took until the last was reported.
func (s *server) timeJobs(ctx context.Context, rolls []roll) (time.Duration, error) {
	begin := time.Now()
	all, ctx := errgroup.WithContext(ctx)
	for _, r := range rolls {
		all.Go(func() error { _, err := s.timeJob(ctx, r.path, false); return err })
	}
	err := all.Wait()
	return time.Since(begin), err
}

// measure prepares and runs a measurement. Its first result has the processor time and the
// peak of memory.
func (b *bench) measure(ctx context.Context, m jobMeasurement) (results []result, err error) {
	if err := b.prime(ctx, m.people); err != nil {
		return nil, err
	}
	for _, r := range m.rolls {
		if err := writeRoll(r.path, r.first, r.count); err != nil {
			return nil, err
		}
	}
	s, err := b.startUp(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	before, err := b.usedCPU(s)
	if err != nil {
		return nil, err
	}
	if results, err = m.run(ctx, s); err != nil {
		return nil, err
	}
	after, err := b.usedCPU(s)
	if err != nil {
		return nil, err
	}
	results[0].cpu = after - before
	results[0].peakBytes, err = s.peakMemory()
	return results, err
}

// prime fills the cache of verdicts with people. Its NATS does not sync each answer to the
// disk, which would take most of the time.
func (b *bench) prime(ctx context.Context, people roll) (err error) {
	if err := writeRoll(people.path, people.first, people.count); err != nil {
		return err
	}
	conf := filepath.Join(b.dir, "prime.conf")
	if err := os.WriteFile(conf, unsynced(embedded.Conf), 0o600); err != nil {
		return err
	}
	s, err := b.startUp(ctx, "--nats-conf", conf)
	if err != nil {
		return err
	}
	c, err := s.client()
	if err == nil {
		err = askAbout(ctx, c, c, people.path)
	}
	return errors.Join(err, s.stop())
}

// unsynced is a nats.conf that leaves it to the system when the disk has what was stored.
func unsynced(conf []byte) []byte {
	return bytes.Replace(conf, []byte("sync_interval: always"), []byte(`sync_interval: "2m"`), 1)
}
