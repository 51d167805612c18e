// Package iec asks the Electoral Commission about every valid row of a job. It
// makes no call twice and loses no answer: each answer is stored the moment it
// arrives, and a job that had to wait goes on where it stopped.
package iec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
	"rollcall.example/services/iec/answers"
)

// Reasons of an unverified row, beside http_ and the status of an answer that
// refuses it.
const (
	// ReasonDisabled: the uploader skipped the IEC.
	ReasonDisabled = "disabled"
	// ReasonMalformed: the IEC's answer about the person cannot be used.
	ReasonMalformed = "malformed_answer"
	// ReasonNoAnswer: the IEC gave no valid answer about the person in several rounds,
	// though it answered about others.
	ReasonNoAnswer = "no_valid_answer"
)

// Config says what the service works with. Store, Client, Quota and Answers are
// required.
type Config struct {
	Store   *events.Store
	Client  *Client
	Quota   *Quota
	Answers *answers.Store
	// Users is how many of the calls each user may make; nil sets no limit.
	Users *UserQuota
	// Concurrency is how many calls may be in progress at once, for all jobs of
	// this process together; 0 means DefaultConcurrency.
	Concurrency int
	// Outage is how long a job waits when the API is down and does not say until
	// when; 0 means a minute.
	Outage time.Duration
	// Logger hears of calls that were not returned and of claims that were not
	// released; nil discards.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Observe is called for each row with its verdict and whether a call was made
	// for it; nil observes nothing.
	Observe func(status records.VerdictStatus, asked bool)
}

// Service is the stage iec.
type Service struct {
	cfg     Config
	turns   *turns
	breaker *breaker
	// keeping is room for answers that are being stored while their turns have ended.
	keeping chan struct{}
}

// New returns the stage.
func New(cfg Config) *Service {
	cfg.Concurrency = cmp.Or(cfg.Concurrency, DefaultConcurrency)
	cfg.Outage = cmp.Or(cfg.Outage, time.Minute)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Users == nil {
		cfg.Users = &UserQuota{users: map[string]*userCalls{}}
	}
	cfg.Logger = events.Logger(cfg.Logger)
	return &Service{
		cfg: cfg, turns: newTurns(cfg.Concurrency), keeping: make(chan struct{}, max(cfg.Concurrency/3, 1)),
		breaker: newBreaker(cfg.Quota.counts.kv, cfg.Quota.Clock(), cfg.Outage),
	}
}

// Handle is a stage.Handler. It gives every row of the artifact rows a verdict and
// returns *events.Verified. When the quota is spent or the API is down, the error
// is a *stage.Postponement, and the answers so far are kept.
func (s *Service) Handle(ctx context.Context, w *stage.Work) (fact events.Fact, err error) {
	if w.Job.Validated == nil {
		return nil, errors.New("verify: the job was not validated")
	}
	if w.Job.Options.Undoes != "" {
		undone, err := w.LoadUndone(ctx)
		if err != nil {
			return nil, fmt.Errorf("verify: %w", err)
		}
		return &events.Verified{Verdicts: undone.Verified.Verdicts, Stats: undone.Verified.Stats}, nil
	}
	if w.Job.Options.Completes != "" {
		return s.takeVerdicts(ctx, w, w.LoadCompleted)
	}
	if w.Job.Options.Commits != "" {
		return s.takeVerdicts(ctx, w, w.LoadCommitted)
	}
	for {
		fact, err := s.runRound(ctx, w)
		if !errors.Is(err, errAskAgain) {
			return fact, err
		}
	}
}

// runRound gives all rows their verdicts. The error is errAskAgain when that has to be
// repeated at once.
func (s *Service) runRound(ctx context.Context, w *stage.Work) (fact events.Fact, err error) {
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
	v := &round{w: w, verification: &verification{
		service: s, job: &w.Job, smallJob: s.cfg.Quota.IsSmallJob(total),
		queue: s.turns.join(w.Job.ID, w.Job.Owner.Role), own: s.cfg.Users.join(w.Job.Owner.ID),
		stats: events.IECStats{Total: total},
	}}
	defer v.queue.leave()
	if err := v.loadRounds(ctx); err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	v.findPlace()
	w.Progress(events.IECVerification, v.done, total, progressMessage)
	v.pace.began = s.cfg.Now()
	if err = v.goOn(ctx); err == nil {
		err = v.verifyAll(ctx, rows, out)
	}
	// Return them whatever happened, even during shutdown.
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if rerr := errors.Join(s.cfg.Quota.Release(release), v.own.leave(release)); rerr != nil {
		s.cfg.Logger.WarnContext(ctx, "reserved IEC calls were not returned; they count against the quota for an hour",
			"err", rerr)
	}
	if err != nil {
		w.Progress(events.IECVerification, v.done-v.aside, total, progressMessage)
		return nil, v.postpone(err)
	}
	name := w.ArtifactName("verdicts")
	artifact, err := out.Store(ctx, s.cfg.Store, events.BucketVerdicts, name, w.Header("verdicts"))
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	v.stats.Calls, v.stats.Cached = int(v.calls.Load()), int(v.cached.Load())
	return &events.Verified{Verdicts: artifact, Stats: v.stats}, nil
}
