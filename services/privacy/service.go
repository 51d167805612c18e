// Package privacy keeps personal data no longer than it is meant to be kept, and
// takes one person out of it, or tells all that is held of one. What happened and
// how many there were stays told by the facts of the jobs, which name nobody.
package privacy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// Keep says for how long data is kept after its job has ended; 0 means for ever.
type Keep struct {
	// Uploads are the files as they came. A failed job can be retried for as long.
	Uploads time.Duration
	// Artifacts are rows, rejects, verdicts and outcomes, and the values in the
	// database that a job has overwritten. A job can be undone for as long.
	Artifacts time.Duration
	Reports   time.Duration
	// Events are the jobs themselves: when they go, all of them goes.
	Events time.Duration
}

// of is for how long the objects of a bucket are kept, which is no longer than the
// events are.
func (k Keep) of(bucket string) time.Duration {
	keep := k.Artifacts
	switch bucket {
	case events.BucketUploads:
		keep = k.Uploads
	case events.BucketReports:
		keep = k.Reports
	}
	if keep == 0 || k.Events > 0 && k.Events < keep {
		return k.Events
	}
	return keep
}

// Config is what the service works with.
type Config struct {
	Log   *events.Log
	Store *events.Store
	// DB has the tables members, jobs, job_ledger and job_outcomes.
	DB   *sqlx.DB
	Keep Keep
	// Every is how often Run sweeps; 0 means an hour, or more often where something
	// is kept for less than that.
	Every time.Duration
	// Grace is the age that an object must have which no fact names, before it is
	// taken for left behind; 0 means a day. No stage works on one for that long
	// without a fact.
	Grace time.Duration
	// Rebuild writes the report of a job of its artifacts; needed to erase.
	Rebuild func(ctx context.Context, job *events.Job, to io.Writer) error
	// Answer is the IEC's answer about a person that is kept, nil for none, and
	// ForgetAnswer removes it; nil where the key is not known under which they are.
	Answer       func(ctx context.Context, id string) (*records.Verdict, error)
	ForgetAnswer func(ctx context.Context, id string) error
	// Logger must be set.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Service removes.
type Service struct{ cfg Config }

// New returns the service; it does nothing until it is called.
func New(cfg Config) *Service {
	if cfg.Every == 0 {
		cfg.Every = time.Hour
		for _, keep := range []time.Duration{cfg.Keep.Uploads, cfg.Keep.Artifacts, cfg.Keep.Reports, cfg.Keep.Events} {
			if keep > 0 {
				cfg.Every = min(cfg.Every, max(keep, time.Second))
			}
		}
	}
	cfg.Grace = cmp.Or(cfg.Grace, 24*time.Hour)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Logger = cfg.Logger.With("service", "privacy")
	return &Service{cfg: cfg}
}

// Run sweeps again and again until ctx ends. Any number of processes may run it.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.Every)
	defer tick.Stop()
	for {
		swept, err := s.Sweep(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.cfg.Logger.ErrorContext(ctx, "what is kept too long stays until the next sweep", "again_in", s.cfg.Every, "err", err)
		case swept != Swept{}:
			s.cfg.Logger.InfoContext(ctx, "swept", "jobs_expired", swept.Expired, "jobs_forgotten", swept.Forgotten,
				"objects_removed", swept.Objects, "bytes_removed", swept.Bytes, "strays_removed", swept.Strays)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// jobs are all that the log holds, by their ids.
func (s *Service) jobs(ctx context.Context) (map[string]*events.Job, error) {
	all := make(map[string]*events.Job)
	for id, err := range s.cfg.Log.JobIDs(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list jobs: %w", err)
		}
		job, err := s.cfg.Log.Load(ctx, id)
		if errors.Is(err, events.ErrNotFound) {
			continue // nothing of it can be believed
		}
		if err != nil {
			return nil, fmt.Errorf("list jobs: %w", err)
		}
		all[id] = &job
	}
	return all, nil
}
