package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/person"
	"rollcall.example/services/iec/answers"
	"rollcall.example/services/privacy"
	"rollcall.example/services/report"
)

// Key returns the key that people are hashed with.
func (s Secrets) Key() (*person.Key, error) {
	if s.PrivacyKey == "" {
		return nil, errors.New("no key for the hashes of people: set ROLLCALL_PRIVACY_KEY to at least 32 random " +
			"characters, the same for upload, validation, persistence and privacy")
	}
	return person.NewKey(s.PrivacyKey)
}

// objections returns what reads the list of those who have objected.
func (a *App) objections(js jetstream.JetStream) (func(context.Context) (*person.Objections, error), error) {
	key, err := a.secrets.Key()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (*person.Objections, error) { return person.LoadObjections(ctx, js, key) }, nil
}

// addPrivacy runs the sweeps of what is kept no longer, does the cases and notes the
// heads of the audit.
func addPrivacy(ctx context.Context, a *App) error {
	db, err := a.needsDatabase("privacy")
	if err != nil {
		return err
	}
	js, err := a.needsNATS(ctx, "privacy")
	if err != nil {
		return err
	}
	keep := a.settings.Keep
	cfg := privacyConfig(js, a.store(js, events.ObjectBuckets()...), db, a.logger)
	cfg.Keep = privacy.Keep{
		Uploads: time.Duration(keep.Uploads), Artifacts: time.Duration(keep.Artifacts),
		Reports: time.Duration(keep.Reports), Events: time.Duration(keep.Events),
	}
	cfg.ArchiveAfter = time.Duration(a.settings.ArchiveAfter)
	if cfg.Key, err = a.secrets.Key(); err != nil {
		return err
	}
	if a.secrets.IECCacheKey != "" {
		kept, err := openAnswers(ctx, a, js, answers.Config{Now: a.clock.now})
		if err != nil {
			return err
		}
		cfg.Answer, cfg.ForgetAnswer = kept.GetAnyAge, kept.Forget
	}
	if err := awaitConsumer(ctx, a, js, events.StreamCases, events.ConsumerCases); err != nil {
		return err
	}
	// What is kept no longer is gone for good, so nothing is removed by a clock of its own.
	if err := needsTime(ctx, a, events.StreamTime(js, events.StreamFacts)); err != nil {
		return err
	}
	cfg.Log, cfg.Cases, cfg.Now = cfg.Log.WithClock(a.clock.now), cfg.Cases.WithClock(a.clock.now), a.clock.now
	s := privacy.New(cfg)
	a.metrics.CollectArchived(s.Archived)
	a.run = append(a.run, s.Run, s.RunCases, s.NoteHeads)
	return nil
}

// privacyConfig is what the service privacy works with, but for its key and settings.
func privacyConfig(js jetstream.JetStream, store *events.Store, db *sqlx.DB, logger *slog.Logger) privacy.Config {
	return privacy.Config{
		Log: events.NewLog(js, "privacy", logger), Cases: cases.NewLog(js, "privacy", logger), Store: store, DB: db,
		Logger: logger,
		Rebuild: func(ctx context.Context, job *events.Job, to io.Writer) error {
			target := 0
			if job.Reported != nil {
				target = job.Reported.WardTarget
			}
			return report.New(report.Config{Store: store, WardTarget: target, Logger: logger}).Rebuild(ctx, job, to)
		},
	}
}
