// Package iec asks the Electoral Commission about every valid row of a job. It
// spends no call twice and gives up no answer: each is kept the moment it
// arrives, and a job that has to wait goes on where it stopped.
package iec

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

// Reasons why a row is unverified, beside http_ and the status of an answer that
// refuses it.
const (
	// ReasonDisabled: the uploader asked for it.
	ReasonDisabled = "disabled"
	// ReasonMalformed: what the IEC answers about the person cannot be used.
	ReasonMalformed = "malformed_answer"
)

// Config is what the service works with.
type Config struct {
	Store  *events.Store
	Client *Client
	Quota  *Quota
	Cache  *Cache
	// Concurrency is the number of calls under way at once, for all jobs of this
	// process together; 0 means 15.
	Concurrency int
	// Outage is how long a job waits when the API is down and does not say
	// until when; 0 means a minute.
	Outage time.Duration
	// Logger hears of calls that were not given back and of claims that were not
	// released; nil discards.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Observe hears of each row's verdict, and whether the IEC was asked for it
	// just now; nil means that nobody counts.
	Observe func(status records.VerdictStatus, asked bool)
}

// Service is the stage iec.
type Service struct {
	cfg   Config
	turns *turns
}

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
	cfg.Logger = events.Logger(cfg.Logger)
	return &Service{cfg: cfg, turns: newTurns(cfg.Concurrency)}
}

// Handle gives every row of the artifact rows a verdict. It is an
// events.Handler. When the quota is spent or the API is down the error is an
// *events.Postponement, and the answers so far are kept.
func (s *Service) Handle(ctx context.Context, w *stage.Work) (fact events.Fact, err error) {
	if w.Job.Validated == nil {
		return nil, errors.New("verify: job was not validated")
	}
	if w.Job.Options.Undoes != "" {
		undone, err := w.LoadUndone(ctx)
		if err != nil {
			return nil, fmt.Errorf("verify: %w", err)
		}
		return &events.Verified{Verdicts: undone.Verified.Verdicts, Stats: undone.Verified.Stats}, nil
	}
	rows, err := records.Open[records.Row](ctx, s.cfg.Store, w.Job.Validated.Rows)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	out, err := records.NewWriter[records.Verdict](s.cfg.Store)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()

	total := rows.Header.Records
	v := &verification{service: s, job: &w.Job, line: s.turns.join(w.Job.ID, w.Job.Owner.Role), small: s.cfg.Quota.Small(total)}
	defer v.line.leave()
	w.Progress(events.IECVerification, 0, total, asking)
	stats := events.IECStats{Total: total}
	speed := pace{began: s.cfg.Now()}
	done := 0
	// Twice as many rows as calls: while one waits for its call, another looks
	// for its answer or has it written down.
	err = inOrder(ctx, 2*s.cfg.Concurrency, v.withKnown(ctx, rows.All()), v.ready, v.verdict, func(a answered) error {
		count(&stats, a.Status)
		if s.cfg.Observe != nil {
			s.cfg.Observe(a.Status, a.asked)
		}
		done++
		now := s.cfg.Now()
		speed.add(mark{now, a.asked})
		w.ProgressUntil(events.IECVerification, done, total, asking, speed.eta(now, total-done, s.cfg.Quota.For(v.small, s.cfg.Quota.Last()), s.cfg.Quota.Window()))
		if a.asked {
			s.warn(w)
		}
		return out.Write(&a.Verdict)
	})
	// Given back whatever happened, and even while shutting down.
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if rerr := s.cfg.Quota.Release(release); rerr != nil {
		s.cfg.Logger.WarnContext(ctx, "unused calls not given back", "job", w.Job.ID, "err", rerr)
	}
	if err != nil {
		return nil, s.explain(err, v.small, &speed, total-done)
	}
	artifact, err := out.Store(ctx, s.cfg.Store, events.BucketVerdicts, w.ArtifactName("verdicts"), w.Header("verdicts"))
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	stats.Calls, stats.Cached = int(v.calls.Load()), int(v.cached.Load())
	return &events.Verified{Verdicts: artifact, Stats: stats}, nil
}

const asking = "Asking the IEC"

// warn says once that nine tenths of the quota are spent.
func (s *Service) warn(w *stage.Work) {
	if q := s.cfg.Quota.Last(); q.Used*10 >= q.Limit*9 {
		w.Warn(q, fmt.Sprintf("%d of this hour's %d calls to the IEC are spent. When all are, the job waits and goes on by itself.", q.Used, q.Limit))
	}
}

// explain turns what stopped the work into what is to become of the message.
func (s *Service) explain(err error, small bool, speed *pace, left int) error {
	now := s.cfg.Now()
	var spent *SpentError
	var limited *RateLimitedError
	var down *UnavailableError
	switch {
	case errors.As(err, &spent):
		until := spent.Quota.ResetAt
		later := stage.Postpone(until, events.PauseQuota,
			fmt.Sprintf("The calls to the IEC that this job may make are spent for this hour (%d of %d). It goes on by itself at %s.",
				spent.Quota.Used, spent.Quota.Limit, until.In(events.SouthAfrica).Format("15:04 MST")), err)
		later.Quota = &spent.Quota
		later.ETA = speed.eta(now, left, s.cfg.Quota.For(small, spent.Quota), s.cfg.Quota.Window())
		if !later.ETA.IsZero() && later.ETA.Before(until) {
			later.ETA = until // by the latest rows none would need a call, but one does
		}
		return later
	case errors.As(err, &limited):
		return stage.Postpone(now.Add(bounded(limited.RetryAfter, s.cfg.Outage)), events.PauseRateLimited,
			"The IEC asked us to wait. The job goes on by itself.", err)
	case errors.Is(err, ErrCredentials):
		return stage.Postpone(now.Add(s.cfg.Outage), events.PauseUnavailable,
			"The IEC refused our credentials. The job goes on by itself when they are mended.", err)
	case errors.As(err, &down):
		return stage.Postpone(now.Add(bounded(down.RetryAfter, s.cfg.Outage)), events.PauseUnavailable,
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

func count(s *events.IECStats, status records.VerdictStatus) {
	switch status {
	case records.Registered:
		s.Registered++
	case records.NotRegistered:
		s.NotRegistered++
	case records.Deceased:
		s.Deceased++
	case records.International:
		s.International++
	default:
		s.Unverified++
	}
}
