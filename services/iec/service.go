// Package iec asks the Electoral Commission about every valid row of a job. It
// spends no call twice and gives up no answer: each is kept the moment it
// arrives, and a job that has to wait goes on where it stopped.
package iec

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"rollcall.example/events"
)

// ReasonDisabled is why rows are unverified when the uploader asked for it.
const ReasonDisabled = "disabled"

// Config is what the service works with.
type Config struct {
	Store  *events.Store
	Client *Client
	Quota  *Quota
	Cache  *Cache
	// Concurrency is the number of calls under way at once for one job; 0 means 15.
	Concurrency int
	// Outage is how long a job waits when the API is down and does not say
	// until when; 0 means a minute.
	Outage time.Duration
	// Logger must be set.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Service is the stage iec.
type Service struct{ cfg Config }

// sast is the time of the people who read the messages; it has no summer time.
var sast = time.FixedZone("SAST", 2*60*60)

// New returns the stage.
func New(cfg Config) *Service {
	if cfg.Concurrency == 0 {
		cfg.Concurrency = 15
	}
	if cfg.Outage == 0 {
		cfg.Outage = time.Minute
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{cfg: cfg}
}

// Handle gives every row of the artifact rows a verdict. It is an
// events.Handler. When the quota is spent or the API is down the error is an
// *events.Postponement, and the answers so far are kept.
func (s *Service) Handle(ctx context.Context, w *events.Work) (fact events.Fact, err error) {
	if w.Job.Validated == nil {
		return nil, errors.New("verify: job was not validated")
	}
	rows, err := events.OpenRecords[events.Row](ctx, s.cfg.Store, w.Job.Validated.Rows)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	out, err := events.NewRecordWriter[events.Verdict](s.cfg.Store)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()

	v := &verification{service: s, job: &w.Job}
	total := rows.Header.Records
	w.Progress(events.IECVerification, 0, total, "Asking the IEC")
	stats := events.IECStats{Total: total}
	done := 0
	err = inOrder(ctx, s.cfg.Concurrency, rows.All(), v.verdict, func(verdict events.Verdict) error {
		count(&stats, verdict.Status)
		done++
		w.Progress(events.IECVerification, done, total, "Asking the IEC")
		return out.Write(&verdict)
	})
	// Given back whatever happened, and even while shutting down.
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if rerr := s.cfg.Quota.Release(release); rerr != nil {
		s.cfg.Logger.Warn("unused calls not given back", "job", w.Job.ID, "err", rerr)
	}
	if err != nil {
		return nil, s.explain(err)
	}
	artifact, err := out.Store(ctx, s.cfg.Store, events.BucketVerdicts, w.ArtifactName("verdicts"), w.Header("verdicts"))
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	stats.Calls, stats.Cached = int(v.calls.Load()), int(v.cached.Load())
	return &events.Verified{Verdicts: artifact, Stats: stats}, nil
}

// explain turns what stopped the work into what is to become of the message.
func (s *Service) explain(err error) error {
	now := s.cfg.Now()
	var spent *SpentError
	var limited *RateLimitedError
	var down *UnavailableError
	switch {
	case errors.As(err, &spent):
		until := spent.Quota.ResetAt
		later := events.Later(until, events.PauseQuota,
			fmt.Sprintf("All %d calls to the IEC for this hour are spent. The job goes on by itself at %s.", spent.Quota.Limit, until.In(sast).Format("15:04 MST")), err)
		later.Quota = &spent.Quota
		return later
	case errors.As(err, &limited):
		return events.Later(now.Add(bounded(limited.RetryAfter, s.cfg.Outage)), events.PauseRateLimited,
			"The IEC asked us to wait. The job goes on by itself.", err)
	case errors.Is(err, ErrCredentials):
		return events.Later(now.Add(s.cfg.Outage), events.PauseUnavailable,
			"The IEC refused our credentials. The job goes on by itself when they are mended.", err)
	case errors.As(err, &down):
		return events.Later(now.Add(bounded(down.RetryAfter, s.cfg.Outage)), events.PauseUnavailable,
			"The IEC cannot be reached at the moment. The job goes on by itself.", err)
	}
	return fmt.Errorf("verify: %w", err)
}

// bounded is the wait that the API asked for, within reason: a nonsensical
// Retry-After must not park a job for years.
func bounded(asked, otherwise time.Duration) time.Duration {
	if asked <= 0 {
		return otherwise
	}
	return min(asked, time.Hour)
}

func count(s *events.IECStats, status events.VerdictStatus) {
	switch status {
	case events.Registered:
		s.Registered++
	case events.NotRegistered:
		s.NotRegistered++
	case events.Deceased:
		s.Deceased++
	case events.International:
		s.International++
	default:
		s.Unverified++
	}
}

// verification is the work on one job's rows.
type verification struct {
	service       *Service
	job           *events.Job
	calls, cached atomic.Int64
}

// answerTime is how long an answer that is paid for may still take to arrive
// and be kept once the work has to stop.
const answerTime = 800 * time.Millisecond

// verdict answers for one row: from the cache, or from the IEC within the quota.
func (v *verification) verdict(ctx context.Context, row *events.Row) (events.Verdict, error) {
	if v.job.Options.SkipIEC {
		return events.Verdict{N: row.N, Status: events.Unverified, Reason: ReasonDisabled}, nil
	}
	s := v.service
	kept, ok, err := s.cfg.Cache.Get(ctx, row.ID, v.job.CreatedAt)
	if err != nil {
		return events.Verdict{}, err
	}
	if ok {
		v.cached.Add(1)
		kept.N = row.N
		return kept, nil
	}
	// A call under way is seen through although the rest has stopped.
	call, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		t := time.AfterFunc(answerTime, cancel)
		context.AfterFunc(call, func() { t.Stop() })
	})()
	verdict, err := s.cfg.Client.Lookup(call, row.ID)
	var refused *RowError
	if errors.As(err, &refused) {
		v.calls.Add(1)
		return events.Verdict{N: row.N, Status: events.Unverified, Reason: fmt.Sprintf("http_%d", refused.Status)}, nil
	}
	if err != nil {
		return events.Verdict{}, err
	}
	v.calls.Add(1)
	if err := s.cfg.Cache.Put(call, row.ID, verdict); err != nil {
		return events.Verdict{}, err
	}
	verdict.N = row.N
	return verdict, nil
}
