// Package app composes rollcall: Up runs every service in one process, with NATS and
// PostgreSQL of its own where none is given, and Serve runs one service. Both take one
// plain struct, whose defaults and names are those of the program's flags, and listen
// where they are told, so that a test starts them without flags and on port 0.
//
//	cfg := app.DefaultUp()
//	cfg.Addr, cfg.Data = "127.0.0.1:0", t.TempDir()
//	a, err := app.Up(ctx, cfg)
//	...
//	defer a.Close()
//	err = a.Run(ctx)
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"rollcall.example/events/access"
	"rollcall.example/events/embedded"
	"rollcall.example/events/revocation"
	"rollcall.example/events/security"
	"rollcall.example/events/stage"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/auth/local"
	"rollcall.example/gateway/auth/provider"
	"rollcall.example/services/httpserver"
	"rollcall.example/services/metrics"
	"rollcall.example/services/postgres"
)

// startTime is how long one attempt to have something there may take.
const startTime = time.Minute

// Process is what an App has of the process that it runs in.
type Process struct {
	Secrets Secrets
	// Build is what health says that the program was made of, as JSON; nil is null.
	Build any
	// Logger hears of everything that the services log; nil discards.
	Logger *slog.Logger
}

// Secrets come from the environment only, for lists of processes show flags.
type Secrets struct {
	// IECUsername and IECPassword are for the IEC's API.
	IECUsername, IECPassword string
	// SMTPPassword is that of --smtp-user.
	SMTPPassword string
	// IECCacheKey is the key under which the IEC's answers are kept. With "", Up makes
	// one up and keeps it in its data folder; Serve of iec needs one.
	IECCacheKey string
	// PrivacyKey is the secret that people are hashed with, at least 32 bytes. With "",
	// Up makes one up and keeps it in its data folder; Serve of upload, validation,
	// persistence and privacy needs the same one.
	PrivacyKey string
	// NATSStoreKey encrypts the streams of an embedded server on the disk, at least 32
	// bytes. With "", Up makes one up for a new store and keeps it in its data folder.
	NATSStoreKey string
	// NATS are the passwords of the users in nats.conf, by user. Without one the
	// connection is made as the URL says; an embedded server makes one up.
	NATS map[string]string
	// Database are the passwords of the services' roles, by service.
	Database map[string]string
}

// SecretsFrom reads the secrets from the variables of an environment. That of SecretFiles has
// those of files in it.
func SecretsFrom(getenv func(string) string) Secrets {
	s := Secrets{
		IECUsername: getenv("ROLLCALL_IEC_USERNAME"),
		IECPassword: getenv("ROLLCALL_IEC_PASSWORD"),
		IECCacheKey: getenv("ROLLCALL_IEC_CACHE_KEY"),
		PrivacyKey:  getenv("ROLLCALL_PRIVACY_KEY"),

		SMTPPassword: getenv(SMTPPasswordVariable),

		NATSStoreKey: getenv(embedded.StoreKeyVariable),

		NATS:     map[string]string{},
		Database: map[string]string{},
	}
	for _, user := range embedded.Users {
		s.NATS[user] = getenv(embedded.PasswordVariable(user))
	}
	for _, service := range postgres.RoleServices() {
		s.Database[service] = getenv(DatabasePasswordVariable(service))
	}
	return s
}

// SMTPPasswordVariable is the variable with the password for the SMTP server.
const SMTPPasswordVariable = "ROLLCALL_SMTP_PASSWORD"

// DatabasePasswordVariable names the variable with the password of a service's role.
func DatabasePasswordVariable(service string) string {
	return "ROLLCALL_DATABASE_PASSWORD_" + strings.ToUpper(service)
}

// App is services that run in this process, on one listener.
type App struct {
	*Infrastructure
	settings Settings
	secrets  Secrets
	jobs     *stage.Process // of all stages
	build    any

	ln      httpserver.Listener
	door    *door
	mux     *http.ServeMux
	metrics *metrics.Metrics
	// traces makes spans, nil when nobody asked for them.
	traces trace.TracerProvider
	// verifier checks tokens, for REST and WebSocket alike; nil until one of them is there.
	verifier *auth.Verifier
	// provider is the organisation's, nil where there is none. It is there as soon as verifier is.
	provider *provider.Provider
	// local signs in the administrator of up without a provider; nil elsewhere.
	local *local.Admin
	// revocations tell the verifier which tokens are revoked.
	revocations *revocation.Watch
	// watch hears of refusals, for REST and WebSocket alike; nil until one of them is there.
	watch *security.Watch
	// policy is there as soon as verifier is.
	policy *access.Policy
	// clock tells the time of NATS once something that tells it is there.
	clock  *clockWatch
	checks []check
	run    []func(context.Context) error
}

func newApp(in *Infrastructure, s Settings, p Process) *App {
	return &App{
		Infrastructure: in, settings: s, secrets: p.Secrets, build: p.Build,
		mux: http.NewServeMux(), metrics: metrics.New(), jobs: stage.NewProcess(),
		clock: &clockWatch{every: readClockEvery, log: in.logger},
	}
}

// listen takes the address first of all, so that it is known at once when another has it.
func listen(addr string, s Settings, p Process) (*App, error) {
	a := newApp(NewInfrastructure(p.Secrets, p.Logger), s, p)
	ln, err := httpserver.Listen(addr, s.TLS.Cert, s.TLS.Key, a.logger)
	if err != nil {
		return nil, err
	}
	a.ln = ln
	a.closeLater(func() error { return ignoreClosed(ln.Close()) })
	openDoor(a)
	return a, nil
}

// services are all that up runs and serve can, in the order in which up adds them.
var services = []struct {
	name string
	add  func(context.Context, *App) error
}{
	{"validation", addValidation}, {"iec", addIEC}, {"persistence", addPersistence}, {"report", addReport},
	{"webhook", addWebhook}, {"privacy", addPrivacy}, {"upload", addUpload}, {"gateway", addGateway},
}

// compose adds a service to the App, or with "" all of them. tracesAs is the name under
// which it sends traces.
func (a *App) compose(ctx context.Context, tracesAs, service string) error {
	if err := a.trace(ctx, tracesAs); err != nil {
		return err
	}
	for _, s := range services {
		if service != "" && s.name != service {
			continue
		}
		if err := s.add(ctx, a); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return a.serveMetrics(ctx)
}

// answer has requests answered by what was composed, before anybody is told the address.
func (a *App) answer() {
	health(a.mux, a.checks, a.build)
	a.door.open(a.traced(a.mux))
}

// URL is where the services are reached, as http://127.0.0.1:8080.
func (a *App) URL() string { return a.ln.URL() }

// Run works until ctx ends, which is no error, or a part of it fails, which ends the
// others. It can be called once. Requests are answered before: an upload waits for Run.
func (a *App) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range slices.Concat(a.watchers, a.run) {
		group.Go(func() error { return run(ctx) })
	}
	group.Go(func() error { return a.door.serve(ctx) })
	return group.Wait()
}

// ignoreClosed is the error of closing what may be closed already.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
