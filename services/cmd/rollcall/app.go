package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"rollcall.example/events"
	"rollcall.example/events/stage"
	"rollcall.example/gateway"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/console"
	"rollcall.example/schema"
	"rollcall.example/services/docs"
	"rollcall.example/services/httpserver"
	"rollcall.example/services/iec"
	"rollcall.example/services/metrics"
	"rollcall.example/services/persistence"
	"rollcall.example/services/report"
	"rollcall.example/services/upload"
	"rollcall.example/services/validation"
	"rollcall.example/services/webhook"
)

// settings are all that the services can be told.
type settings struct {
	authSettings
	uploadSettings
	gatewaySettings
	iecSettings
	reportSettings
	webhookSettings
	keepSettings
	proxySettings
	workerSettings
	metricsSettings
	traceSettings
	tlsSettings
}

// iecJobs is how many jobs iec has in hand at once: they wait most of the time.
const iecJobs = 32

// app is the services that run in this process.
type app struct {
	*infra
	settings
	mux     *http.ServeMux
	metrics *metrics.Metrics
	// traces makes spans, nil when nobody asked for them.
	traces trace.TracerProvider
	checks []check
	run    []func(context.Context) error
	// cacheKey is the key under which the IEC's answers are kept.
	cacheKey string
}

func newApp(in *infra, s settings) *app {
	return &app{infra: in, settings: s, mux: http.NewServeMux(), metrics: metrics.New()}
}

// stage runs a handler as one of the stages. change may be nil.
func (a *app) stage(js jetstream.JetStream, name events.Stage, h stage.Handler, change func(*stage.Runner)) {
	r := &stage.Runner{
		Log:     events.NewLog(js, name, a.p.log),
		Stage:   name,
		Handle:  h,
		Workers: a.Workers,
		Logger:  a.p.log,
		Tracer:  events.Tracer(a.traces),
	}
	if change != nil {
		change(r)
	}
	a.metrics.Stage(r)
	a.found("room for "+string(name), func(context.Context) error { return r.NoRoom() })
	a.consumer(js, string(name))
	a.run = append(a.run, r.Run)
}

func (a *app) validation() error {
	js, err := a.connected("validation")
	if err != nil {
		return err
	}
	s := validation.New(validation.Config{Store: a.store(js, events.BucketUploads, events.BucketRows)})
	a.stage(js, events.StageValidation, s.Handle, nil)
	return nil
}

func (a *app) iec() error {
	js, err := a.connected("iec")
	if err != nil {
		return err
	}
	quota, err := a.quota(js)
	if err != nil {
		return err
	}
	kv, err := a.keyValue(js, events.KVVerdicts)
	if err != nil {
		return err
	}
	if a.cacheKey == "" {
		return errors.New("no key for the IEC's answers: set ROLLCALL_IEC_CACHE_KEY, the same for all replicas of iec")
	}
	claims, err := a.keyValue(js, events.KVClaims)
	if err != nil {
		return err
	}
	cache, err := iec.NewCache(js, kv, claims, iec.CacheConfig{Key: a.cacheKey, Registered: a.IECKeep, NotRegistered: a.IECKeepNot})
	if err != nil {
		return err
	}
	if a.IECURL == "" {
		return errors.New("no IEC: give --iec-url; rollcall iec-sim runs a simulator")
	}
	client, err := iec.NewClient(iec.ClientConfig{
		BaseURL:     a.IECURL,
		Username:    a.p.getenv("ROLLCALL_IEC_USERNAME"),
		Password:    a.p.getenv("ROLLCALL_IEC_PASSWORD"),
		Timeout:     a.IECTimeout,
		Concurrency: a.IECConcurrency,
		Logger:      a.p.log,
		Observe:     a.metrics.IECCalls(iec.Results),
	})
	if err != nil {
		return err
	}
	a.later(func() error { client.Close(); return nil })
	a.metrics.Quota(quota.State)
	s := iec.New(iec.Config{Store: a.store(js, events.BucketRows, events.BucketVerdicts), Client: client, Quota: quota, Cache: cache, Concurrency: a.IECConcurrency, Logger: a.p.log,
		Observe: a.metrics.Verdicts()})
	// Jobs share the calls in turn, which only those can that were taken up.
	a.stage(js, events.StageIEC, s.Handle, func(r *stage.Runner) { r.Workers = max(a.Workers, iecJobs) })
	return nil
}

func (a *app) quota(js jetstream.JetStream) (*iec.Quota, error) {
	kv, err := a.keyValue(js, events.KVQuota)
	if err != nil {
		return nil, err
	}
	return iec.NewQuota(kv, iec.QuotaConfig{Limit: a.IECQuota})
}

func (a *app) persistence() error {
	db, err := a.databaseOf("persistence")
	if err != nil {
		return err
	}
	js, err := a.connected("persistence")
	if err != nil {
		return err
	}
	s := persistence.New(persistence.Config{DB: db, Store: a.store(js, events.BucketRows, events.BucketVerdicts, events.BucketOutcomes), Logger: a.p.log})
	a.stage(js, events.StagePersistence, s.Handle, func(r *stage.Runner) { r.Undo = s.Undo })
	return nil
}

func (a *app) report() error {
	js, err := a.connected("report")
	if err != nil {
		return err
	}
	s := report.New(report.Config{Store: a.store(js, events.BucketRows, events.BucketVerdicts, events.BucketOutcomes, events.BucketReports), WardTarget: a.WardTarget, Logger: a.p.log})
	a.stage(js, events.StageReport, s.Handle, nil)
	return nil
}

// verifier checks tokens, for REST and WebSocket alike.
func (a *app) verifier(ctx context.Context) (*auth.Verifier, error) {
	v, err := auth.New(ctx, auth.Config{Secret: a.JWTSecret, JWKSFile: a.JWTJWKSFile, JWKSURL: a.JWTJWKSURL})
	if err != nil {
		return nil, err
	}
	a.later(func() error { v.Close(); return nil })
	return v, nil
}

func (a *app) upload(v *auth.Verifier) error {
	db, err := a.databaseOf("upload")
	if err != nil {
		return err
	}
	js, err := a.connected("upload")
	if err != nil {
		return err
	}
	quota, err := a.quota(js)
	if err != nil {
		return err
	}
	s := upload.New(upload.Config{
		Log:          events.NewLog(js, events.StageUpload, a.p.log),
		Store:        a.store(js, events.BucketUploads, events.BucketRows, events.BucketOutcomes, events.BucketReports),
		DB:           db,
		Authenticate: authenticate(v),
		MaxFileSize:  int64(a.MaxFileSize),
		UserUploads:  int(a.UserUploads), UserJobs: int(a.UserJobs), UserTransfers: int(a.UserTransfers),
		Quota:  quota.State,
		Logger: a.p.log,

		PrivateWebhooks: a.WebhookPrivate,
		TrustedProxies:  a.TrustedProxies,
	})
	a.consumer(js, events.ConsumerProjection)
	a.metrics.Jobs(db.DB)
	a.mux.Handle(upload.Base+"/", s.Handler())
	if err := docs.Mount(a.mux, schema.Documents, "openapi.yaml", "asyncapi.yaml"); err != nil {
		return err
	}
	a.run = append(a.run, s.Run)
	return nil
}

func (a *app) webhook() error {
	db, err := a.databaseOf("webhook")
	if err != nil {
		return err
	}
	js, err := a.connected("webhook")
	if err != nil {
		return err
	}
	a.consumer(js, events.ConsumerWebhook)
	s := webhook.New(webhook.Config{JetStream: js, DB: db, Private: a.WebhookPrivate, Tracer: events.Tracer(a.traces), Logger: a.p.log})
	a.run = append(a.run, s.Run)
	return nil
}

// historyConnections are the gateway's for reading histories.
const historyConnections = 2

func (a *app) gateway(v *auth.Verifier) error {
	js, err := a.connected("gateway")
	if err != nil {
		return err
	}
	history := make([]jetstream.JetStream, historyConnections)
	for i := range history {
		if history[i], err = a.user("gateway"); err != nil {
			return err
		}
	}
	g, err := gateway.New(gateway.Config{JetStream: js, History: history, Verifier: v, Origins: a.Origins, Logger: a.p.log,
		Connections: int(a.MaxConnections), UserConnections: int(a.UserConnections),
		FannedOut: a.metrics.FannedOut()})
	if err != nil {
		return err
	}
	a.metrics.Gateway(func() metrics.GatewayStats { return metrics.GatewayStats(g.Stats()) })
	console.Mount(a.mux)
	a.mux.Handle("/ws", g)
	a.mux.HandleFunc("/socket.io/", g.ServeSocketIO)
	a.run = append(a.run, g.Run)
	a.checks = append(a.checks, check{name: "live feed", ok: func(context.Context) error { return g.Ready() }})
	return nil
}

// serve runs everything on one listener until ctx ends or a part of it fails.
func (a *app) serve(ctx context.Context, ln net.Listener) error {
	health(a.mux, a.checks)
	watch, err := a.watch()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range a.run {
		group.Go(func() error { return run(ctx) })
	}
	group.Go(func() error { return httpserver.Serve(ctx, ln, a.traced(a.mux), a.p.log) })
	if watch != nil {
		group.Go(func() error { return watch(ctx) })
	}
	return group.Wait()
}

// within bounds what has to be done before anything can be served.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Minute)
}
