// Package privacy removes personal data when its time is over, erases one person,
// and exports all data that is held about one. The facts of the jobs stay: they say
// what happened and how many rows there were, and name nobody.
package privacy

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/person"
	"rollcall.example/events/records"
)

// Keep says how long data is kept after its job has ended; 0 means for ever.
type Keep struct {
	// Uploads are the uploaded files. A failed job can be retried for as long.
	Uploads time.Duration
	// Artifacts are rows, rejects, verdicts and outcomes, and the values in the
	// database that a job has overwritten. A job can be undone for as long.
	Artifacts time.Duration
	Reports   time.Duration
	// Events are the jobs themselves. When they go, everything else of a job goes too.
	Events time.Duration
}

// forBucket returns how long the objects of a bucket are kept. That is never longer
// than the events.
func (k Keep) forBucket(bucket string) time.Duration {
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
	// ArchiveAfter is how long after its end the events of a job become one message; 0
	// means never. Nobody who reads the job notices. It must be longer than a gateway may
	// be cut off from NATS.
	ArchiveAfter time.Duration
	// Every is how often Run sweeps; 0 means every hour, or more often if something is
	// kept for less than an hour.
	Every time.Duration
	// Grace is the age at which an object that no fact names counts as abandoned; 0
	// means a day. No stage works on an object that long without a fact.
	Grace time.Duration
	// Cases has the erasures and exports that are asked for, and Key seals what is
	// kept for them. Both are required for all but Sweep.
	Cases *cases.Log
	Key   *person.Key
	// BusyWait is how long a case waits for jobs that are under way before it looks
	// again; 0 means ten seconds.
	BusyWait time.Duration
	// Rebuild writes the report of a job from its artifacts. Erase needs it.
	Rebuild func(ctx context.Context, job *events.Job, to io.Writer) error
	// Answer returns the IEC's answer about a person from the cache, nil for none, and
	// ForgetAnswer removes it. Both are nil without the cache's key.
	Answer       func(ctx context.Context, id string) (*records.Verdict, error)
	ForgetAnswer func(ctx context.Context, id string) error
	// Logger gets sweeps and erasures; nil discards.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Service removes, erases and exports.
type Service struct {
	searcher
	sweeper
	cfg     *Config
	auditor *events.Auditor
	head    events.AuditLink // that was noted last
}

// New returns the service. It connects to nothing.
func New(cfg Config) *Service {
	if cfg.Every == 0 {
		cfg.Every = time.Hour
		for _, keep := range []time.Duration{cfg.Keep.Uploads, cfg.Keep.Artifacts, cfg.Keep.Reports, cfg.Keep.Events} {
			if keep > 0 {
				cfg.Every = min(cfg.Every, max(keep, time.Second))
			}
		}
	}
	cfg.BusyWait = cmp.Or(cfg.BusyWait, busyWait)
	cfg.Grace = cmp.Or(cfg.Grace, 24*time.Hour)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Logger = events.Logger(cfg.Logger).With("service", "privacy")
	return &Service{searcher: searcher{&cfg}, sweeper: sweeper{&cfg, new(atomic.Uint64), new(atomic.Uint64)}, cfg: &cfg,
		auditor: events.NewAuditor(cfg.Log.JetStream())}
}

// Run sweeps every Config.Every until ctx ends, and adds jobs to the index of people once
// they have ended. Any number of processes may run it.
func (s *Service) Run(ctx context.Context) error {
	var indexing sync.WaitGroup
	defer indexing.Wait()
	if s.cfg.Key != nil {
		indexing.Go(func() { s.keepIndex(ctx) })
	}
	tick := time.NewTicker(s.cfg.Every)
	defer tick.Stop()
	for {
		swept, err := s.Sweep(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.cfg.Logger.ErrorContext(ctx, "retention sweep failed", "again_in", s.cfg.Every, "err", err)
		case swept != Swept{}:
			s.cfg.Logger.InfoContext(ctx, "retention sweep done",
				"jobs_expired", swept.Expired, "jobs_forgotten", swept.Forgotten,
				"objects_removed", swept.Objects, "bytes_removed", swept.Bytes, "strays_removed", swept.Strays,
				"jobs_archived", swept.Archived, "jobs_not_archived", swept.Unarchived)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// keepIndex adds jobs to the index of people, once they have ended, until ctx ends.
func (s *Service) keepIndex(ctx context.Context) {
	tick := time.NewTicker(indexEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.indexPeople(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Logger.ErrorContext(ctx, "index of people not kept up; erasures and exports take longer",
				"again_in", indexEvery, "err", err)
		}
	}
}
