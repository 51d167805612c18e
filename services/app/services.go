package app

import (
	"context"
	"net/http"

	"github.com/jmoiron/sqlx"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/security"
	"rollcall.example/gateway"
	"rollcall.example/gateway/auth/local"
	"rollcall.example/gateway/auth/provider"
	"rollcall.example/gateway/console"
	"rollcall.example/schema"
	"rollcall.example/services/api"
	"rollcall.example/services/docs"
	"rollcall.example/services/jobs"
	"rollcall.example/services/mail"
	mailsettings "rollcall.example/services/mail/settings"
	"rollcall.example/services/metrics"
	"rollcall.example/services/rowhistory"
	"rollcall.example/services/upload"
	"rollcall.example/services/wards"
	"rollcall.example/services/webhook"
	"rollcall.example/services/webhook/registry"
)

// The services that are no stage: the two faces to users, and what follows the log.

// openWatch makes the watch of the App, once.
func (a *App) openWatch() *security.Watch {
	if a.watch == nil {
		a.watch = security.New(security.Config{Logger: a.logger})
		a.metrics.CollectSecurity(a.watch)
	}
	return a.watch
}

func addUpload(ctx context.Context, a *App) error {
	db, err := a.needsDatabase("upload")
	if err != nil {
		return err
	}
	js, err := a.needsNATS(ctx, "upload")
	if err != nil {
		return err
	}
	if err := a.openVerifier(ctx, js); err != nil {
		return err
	}
	quota, users, err := a.quota(ctx, js)
	if err != nil {
		return err
	}
	key, err := a.secrets.Key()
	if err != nil {
		return err
	}
	set := a.settings.Upload
	log := events.NewLog(js, events.StageUpload, a.logger).WithClock(a.clock.now)
	store := a.store(js, events.BucketUploads, events.BucketRows, events.BucketOutcomes, events.BucketReports)
	table := jobs.New(jobs.Config{DB: db, Log: log, Logger: a.logger})
	intake := upload.New(upload.Config{
		Log: log, Store: store, Jobs: table, TusPath: api.TusPath, MaxFileSize: int64(set.MaxFileSize),
		UserUploads: set.UserUploads, UserJobs: set.UserJobs, UserTransfers: set.UserTransfers,
		UserStorage: int64(set.UserStorage), Logger: a.logger, Now: a.clock.now,
		Wards: func(ctx context.Context, area events.Area) ([]string, error) { return wards.Of(ctx, db, area) },
	})
	face := api.New(api.Config{
		Log: log, Store: store, Upload: intake, Jobs: table,
		Webhooks:      registry.New(registry.Config{DB: db, Private: a.settings.WebhookPrivate, Now: a.clock.now}),
		Notifications: mailsettings.NewStore(db), Mail: a.settings.SMTP.Given(),
		Rows:         rowhistory.NewReader(store, db),
		Wards:        wards.NewBook(db, a.settings.WardTarget),
		Key:          key,
		Authenticate: Authenticate(a.verifier, a.policy), Policy: a.policy, Quota: quota.State, UserQuota: users.State,
		UserDownloads: set.UserDownloads, Downloads: set.MaxDownloads,
		Origins:        a.settings.Gateway.Origins,
		TrustedProxies: a.settings.TrustedProxies, Watch: a.openWatch(), Logger: a.logger, Now: a.clock.now,
	})
	if err := a.needsConsumer(ctx, js, events.ConsumerProjection); err != nil {
		return err
	}
	a.metrics.CollectJobs(db.DB)
	a.mux.Handle(api.Base+"/", face.Handler())
	if err := docs.Mount(a.mux, schema.Documents, "openapi.yaml", "asyncapi.yaml"); err != nil {
		return err
	}
	a.run = append(a.run, table.Run)
	return nil
}

// historyConnections is over how many connections the gateway reads histories.
const historyConnections = 2

func addGateway(ctx context.Context, a *App) error {
	js, err := a.needsNATS(ctx, "gateway")
	if err != nil {
		return err
	}
	if err := a.openVerifier(ctx, js); err != nil {
		return err
	}
	history := make([]jetstream.JetStream, historyConnections)
	for i := range history {
		if history[i], err = a.serviceNATS(ctx, "gateway"); err != nil {
			return err
		}
	}
	set := a.settings.Gateway
	g, err := gateway.New(gateway.Config{
		JetStream: js, History: history, Verifier: a.verifier, Policy: a.policy, Origins: set.Origins, Logger: a.logger,
		Connections: set.MaxConnections, UserConnections: set.UserConnections,
		TrustedProxies: a.settings.TrustedProxies, Watch: a.openWatch(), ObserveFanOut: a.metrics.RegisterFanOut(),
	})
	if err != nil {
		return err
	}
	a.metrics.CollectGateway(func() metrics.GatewayStats { return metrics.GatewayStats(g.Stats()) })
	ways, connect := waysIn(a)
	console.Mount(a.mux, ways, connect)
	a.mux.Handle("/ws", g)
	a.mux.HandleFunc("/socket.io/", g.ServeSocketIO)
	a.run = append(a.run, g.Run)
	a.needs("live feed", func(context.Context) error { return g.Ready() })
	return nil
}

// waysIn tells the ways to sign in, and the origins that the console talks to for that.
func waysIn(a *App) (ways http.Handler, connect []string) {
	if a.local != nil {
		local.Face{Admin: a.local, Proxies: a.settings.TrustedProxies, Watch: a.openWatch()}.Mount(a.mux)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			password := provider.Password{User: local.User, Set: a.local.HasPassword()}
			provider.Ways{Password: &password}.ServeHTTP(w, r)
		}), nil
	}
	if a.provider == nil {
		return provider.Ways{}, nil
	}
	signIn := a.settings.OIDC.config().SignIn()
	return provider.Ways{Provider: &signIn}, a.provider.Origins
}

func addWebhook(ctx context.Context, a *App) error {
	db, err := a.needsDatabase("webhook")
	if err != nil {
		return err
	}
	js, err := a.needsNATS(ctx, "webhook")
	if err != nil {
		return err
	}
	if err := a.needsConsumer(ctx, js, events.ConsumerWebhook); err != nil {
		return err
	}
	s := webhook.New(webhook.Config{
		JetStream: js, DB: db, Private: a.settings.WebhookPrivate, Tracer: events.Tracer(a.traces), Logger: a.logger,
		Now: a.clock.now,
	})
	a.run = append(a.run, s.Run)
	return addMail(ctx, a, js, db)
}

// addMail adds e-mail to the service webhook: both follow the same log with the same rights,
// and most installations would run a service of its own for nothing.
func addMail(ctx context.Context, a *App, js jetstream.JetStream, db *sqlx.DB) error {
	if err := a.needsConsumer(ctx, js, events.ConsumerMail); err != nil {
		return err
	}
	policy, err := readPolicy(a.settings.Policy, a.settings.RoleMap)
	if err != nil {
		return err
	}
	cfg := mail.Config{JetStream: js, DB: db, Policy: policy, PublicURL: a.settings.PublicURL, Now: a.clock.now,
		Observe: a.metrics.RegisterMail(mail.Results), Logger: a.logger}
	if a.settings.SMTP.Given() {
		cfg.Server = a.settings.SMTP.Server(a.secrets.SMTPPassword)
	}
	a.run = append(a.run, mail.New(cfg).Run)
	return nil
}
