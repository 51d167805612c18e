package app

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/stage"
	"rollcall.example/services/iec"
	"rollcall.example/services/iec/answers"
	"rollcall.example/services/persistence"
	"rollcall.example/services/report"
	"rollcall.example/services/validation"
)

// leastIECJobs is how many jobs iec takes up at once at least: they wait most of the
// time, and share the calls in turn, which only those can that were taken up.
const leastIECJobs = 32

// addStage runs a handler as one of the stages. change may be nil.
func (a *App) addStage(ctx context.Context, js jetstream.JetStream, name events.Stage, h stage.Handler,
	change func(*stage.Runner)) error {
	r := &stage.Runner{
		Log:     events.NewLog(js, name, a.logger).WithClock(a.clock.now),
		Stage:   name,
		Handle:  h,
		Workers: a.settings.Workers,
		Process: a.jobs,
		Now:     a.clock.now,
		Logger:  a.logger,
		Tracer:  events.Tracer(a.traces),
	}
	if change != nil {
		change(r)
	}
	a.metrics.ObserveStage(r)
	a.needs("room for "+string(name), func(context.Context) error { return r.StorageError() })
	a.run = append(a.run, r.Run)
	return a.needsConsumer(ctx, js, string(name))
}

// giveWay has big jobs let small ones go first.
func giveWay(r *stage.Runner) { r.GiveWay = true }

func addValidation(ctx context.Context, a *App) error {
	js, err := a.needsNATS(ctx, "validation")
	if err != nil {
		return err
	}
	objections, err := a.objections(js)
	if err != nil {
		return err
	}
	s := validation.New(validation.Config{
		Store:      a.store(js, events.BucketUploads, events.BucketRows, events.BucketOutcomes),
		Objections: objections,
	})
	return a.addStage(ctx, js, events.StageValidation, s.Handle, giveWay)
}

func addIEC(ctx context.Context, a *App) error {
	set := a.settings.IEC
	js, err := a.needsNATS(ctx, "iec")
	if err != nil {
		return err
	}
	quota, users, err := a.quota(ctx, js)
	if err != nil {
		return err
	}
	kept, err := openAnswers(ctx, a, js, answers.Config{
		Registered: set.Keep, NotRegistered: set.KeepNotRegistered, Now: quota.Clock().Now,
	})
	if err != nil {
		return err
	}
	if set.URL == "" {
		return errNoIEC
	}
	client, err := iec.NewClient(iec.ClientConfig{
		BaseURL:     set.URL,
		Username:    a.secrets.IECUsername,
		Password:    a.secrets.IECPassword,
		Timeout:     set.Timeout,
		Concurrency: set.Concurrency,
		Now:         quota.Clock().Now,
		Logger:      a.logger,
		Observe:     a.metrics.RegisterIECCalls(iec.Results),
	})
	if err != nil {
		return err
	}
	a.closeLater(func() error { client.Close(); return nil })
	a.metrics.CollectQuota(quota.State)
	s := iec.New(iec.Config{
		Store:  a.store(js, events.BucketRows, events.BucketVerdicts),
		Client: client, Quota: quota, Users: users, Answers: kept, Concurrency: set.Concurrency,
		Logger: a.logger, Observe: a.metrics.RegisterVerdicts(),
	})
	a.metrics.CollectOutage(iec.OutageReasons, s.OutageReason)
	a.run = append(a.run, kept.Run)
	return a.addStage(ctx, js, events.StageIEC, s.Handle, func(r *stage.Runner) {
		r.Workers, r.Wake = max(a.settings.Workers, leastIECJobs), s.Wake
	})
}

// quota returns the quota of all users together, and that of each.
func (a *App) quota(ctx context.Context, js jetstream.JetStream) (*iec.Quota, *iec.UserQuota, error) {
	kv, err := a.needsKeyValue(ctx, js, events.KVQuota)
	if err != nil {
		return nil, nil, err
	}
	all, err := iec.NewQuota(kv, iec.QuotaConfig{Limit: a.settings.IEC.Quota})
	if err != nil {
		return nil, nil, err
	}
	each, err := iec.NewUserQuota(kv, iec.QuotaConfig{Limit: a.settings.UserIECCalls, Block: 5})
	return all, each, err
}

// openAnswers opens the answers of the IEC that are kept. cfg lacks the key and the logger.
func openAnswers(ctx context.Context, a *App, js jetstream.JetStream, cfg answers.Config) (*answers.Store, error) {
	if err := needsStream(ctx, a, js, events.StreamIEC); err != nil {
		return nil, err
	}
	for _, name := range []string{events.KVVerdicts, events.KVStations} {
		if _, err := a.needsKeyValue(ctx, js, name); err != nil {
			return nil, err
		}
	}
	if a.secrets.IECCacheKey == "" {
		return nil, errNoCacheKey
	}
	cfg.Key, cfg.Logger = a.secrets.IECCacheKey, a.logger
	kept, err := answers.Open(js, cfg)
	if err != nil {
		return nil, err
	}
	a.closeLater(func() error { kept.Close(); return nil })
	return kept, nil
}

func addPersistence(ctx context.Context, a *App) error {
	db, err := a.needsDatabase("persistence")
	if err != nil {
		return err
	}
	js, err := a.needsNATS(ctx, "persistence")
	if err != nil {
		return err
	}
	objections, err := a.objections(js)
	if err != nil {
		return err
	}
	s := persistence.New(persistence.Config{
		DB: db, Store: a.store(js, events.BucketRows, events.BucketVerdicts, events.BucketOutcomes), Logger: a.logger,
		ApproveAbove: a.settings.ApproveAbove, Objections: objections, Now: a.clock.now,
	})
	return a.addStage(ctx, js, events.StagePersistence, s.Handle, func(r *stage.Runner) { r.Undo = s.Undo })
}

func addReport(ctx context.Context, a *App) error {
	js, err := a.needsNATS(ctx, "report")
	if err != nil {
		return err
	}
	s := report.New(report.Config{
		Store:      a.store(js, events.BucketRows, events.BucketVerdicts, events.BucketOutcomes, events.BucketReports),
		WardTarget: a.settings.WardTarget, Logger: a.logger, Now: a.clock.now,
	})
	return a.addStage(ctx, js, events.StageReport, s.Handle, giveWay)
}
