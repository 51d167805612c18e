// Package api is the REST face of rollcall: its routes, the envelope of answers and
// refusals, who may see what, and one handler a file. What a handler answers from
// lives in rooms that the face calls by name: upload takes files in, validation/inspect
// looks at them, jobs has the lists, webhook/registry the registrations; rejects, rows,
// rowhistory, wards and template make what is downloaded. Those do not know the face, nor each other. Handlers hold no
// SQL.
//
// The server that it is put into must be of package httpserver, or bound as that
// does what happens before a handler is called, and set the headers of every
// answer. Bodies are bounded here.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/cases"
	"rollcall.example/events/mappings"
	"rollcall.example/events/person"
	"rollcall.example/events/refusal"
	"rollcall.example/events/security"
	"rollcall.example/services/jobs"
	"rollcall.example/services/rowhistory"
	"rollcall.example/services/rows"
	"rollcall.example/services/upload"
	"rollcall.example/services/wards"
	"rollcall.example/services/webhook/registry"
)

const (
	// Base is the path that all endpoints stand under.
	Base = "/api/v1/bulk-upload"
	// TusPath is the path that uploads in parts stand below, for upload.Config.
	TusPath = Base + "/tus/"
)

// Config is what the face needs. All fields without a stated zero are required.
type Config struct {
	Log   *events.Log
	Store *events.Store
	// Upload takes files in. Its TusPath is the one of this package.
	Upload   *upload.Service
	Jobs     *jobs.Table
	Webhooks *registry.Registry
	Rows     *rowhistory.Reader
	Wards    *wards.Book
	// Key hashes and seals the people of cases.
	Key *person.Key
	// Authenticate tells who makes a request, and what they may do. An error that
	// is no *refusal.Error means that it could not be found out.
	Authenticate func(*http.Request) (access.Principal, error)
	// Policy says which actions need a second person.
	Policy *access.Policy
	// Quota reads the allowance of IEC calls.
	Quota func(context.Context) (events.Quota, error)
	// UserQuota reads the part of it that a user may take; its Limit is 0 when there
	// is none. Nil means that nobody has one.
	UserQuota func(ctx context.Context, user string) (events.Quota, error)
	// UserDownloads is how much a user may be downloading from this process at once,
	// and Downloads how much all may; 0 means DefaultUserDownloads and
	// DefaultDownloads.
	UserDownloads, Downloads int
	// Origins are patterns of the hosts whose pages may use the API beside those of its
	// own; nil means none.
	Origins []string
	// TrustedProxies are those whose X-Forwarded-For is believed; nil means none.
	TrustedProxies []netip.Prefix
	// Watch hears of refusals and of readings; nil means that nobody watches.
	Watch *security.Watch
	// Now is the clock of the answers; nil means time.Now.
	Now func() time.Time
	// Logger gets readings and steps by job and user id, and failures; nil discards.
	Logger *slog.Logger
}

// API is the REST face.
type API struct {
	envelope
	cfg       Config
	auditor   *events.Auditor
	cases     *cases.Log
	mappings  *mappings.Store
	downloads *downloads
	rows      *rows.Reader
}

// New returns the face; it does nothing until its handler is called.
func New(cfg Config) *API {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Logger = events.Logger(cfg.Logger).With("stage", string(events.StageUpload))
	return &API{envelope{
		authenticate: requireUser(cfg.Authenticate), now: cfg.Now, logger: cfg.Logger,
		watch: cfg.Watch, proxies: cfg.TrustedProxies,
	}, cfg, events.NewAuditor(cfg.Log.JetStream()),
		cases.NewLog(cfg.Log.JetStream(), string(events.StageUpload), cfg.Logger),
		mappings.NewStore(cfg.Log.JetStream(), cfg.Now),
		newDownloads(cfg.Downloads, cfg.UserDownloads),
		rows.NewReader(cfg.Store, cfg.Logger)}
}

// requireUser refuses a request of nobody in particular, who would be the owner of
// nothing, or of everything.
func requireUser(
	authenticate func(*http.Request) (access.Principal, error),
) func(*http.Request) (access.Principal, error) {
	return func(r *http.Request) (access.Principal, error) {
		who, err := authenticate(r)
		if err == nil && who.ID == "" {
			err = &refusal.Error{Code: refusal.CodeUnauthenticated, Details: map[string]any{"reason": "token_invalid"},
				Message: "The token is not valid. Please sign in again."}
		}
		return who, err
	}
}

// Handler serves everything under Base.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range a.routes() {
		path, _ := route.cut()
		mux.Handle(route.method+" "+Base+path, a.answer(route))
	}
	return a.permitOrigins(mux, a.refuseUnknown(mux))
}

// load returns a job with which the person may do what they ask for. Nobody who
// may not see it learns that it exists.
func (a *API) load(ctx context.Context, id string, who caller) (events.Job, error) {
	return a.loadWith(ctx, id, who, func(*events.Job) bool { return true })
}

// loadWith is load for who asks for what a job has later. Nobody is told of a replica that
// lags that a job does not exist, or has not come so far.
func (a *API) loadWith(ctx context.Context, id string, who caller, has func(*events.Job) bool) (events.Job, error) {
	job, err := a.cfg.Log.Load(ctx, id)
	if errors.Is(err, events.ErrNotFound) || err == nil && !has(&job) {
		job, err = a.cfg.Log.LoadCurrent(ctx, id)
	}
	return permit(who, job, err)
}

// loadCurrent is load for who changes a job: a replica that lags does not decide whether
// they may.
func loadCurrent(ctx context.Context, a *API, id string, who caller) (events.Job, error) {
	job, err := a.cfg.Log.LoadCurrent(ctx, id)
	return permit(who, job, err)
}

// permit passes on a job that was loaded, if the person may do with it what they ask for.
func permit(who caller, job events.Job, err error) (events.Job, error) {
	if err != nil {
		return events.Job{}, err
	}
	if err := who.MayOn(who.wants, &job); err != nil {
		return events.Job{}, err
	}
	return job, nil
}
