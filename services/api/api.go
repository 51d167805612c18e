// Package api is the REST face of rollcall: the table of its routes and what pages of other
// origins may do. Each room below it has the handlers of one matter, one in a file:
//
//   - intake: uploads, what would be read of a file, mappings, how much one may send
//   - steer: cancel, retry, undo, approve, decline, commit, complete
//   - lists: status, lists, the queue, what waits for somebody, sums
//   - reading: reports, rows, stories of people; each reading is recorded
//   - standing: where the organisation stands by ward, attendance registers
//   - office: cases of one person, the audit, revoked tokens
//   - hooks: webhooks
//   - notices: what a person is told by e-mail
//
// They have package rest in common, and do not know each other. What a handler answers from
// lives in rooms of the services, which do not know the face: upload takes files in,
// validation/inspect looks at them, jobs has the lists. Handlers hold no SQL.
//
// The tests of all rooms stand here, since they ask over HTTP as clients do.
//
// The server that it is put into must be of package httpserver, or bound as that
// does what happens before a handler is called, and set the headers of every
// answer. Bodies are bounded here.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/cases"
	"rollcall.example/events/mappings"
	"rollcall.example/events/person"
	"rollcall.example/events/security"
	"rollcall.example/services/api/hooks"
	"rollcall.example/services/api/intake"
	"rollcall.example/services/api/lists"
	"rollcall.example/services/api/notices"
	"rollcall.example/services/api/office"
	"rollcall.example/services/api/reading"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/api/standing"
	"rollcall.example/services/api/steer"
	"rollcall.example/services/jobs"
	"rollcall.example/services/mail/settings"
	"rollcall.example/services/rowhistory"
	"rollcall.example/services/rows"
	"rollcall.example/services/upload"
	"rollcall.example/services/wards"
	"rollcall.example/services/webhook/registry"
)

const (
	// Base is the path that all endpoints stand under.
	Base = rest.Base
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
	// Notifications keeps who is told by e-mail, and Mail says whether e-mail is sent.
	Notifications *settings.Store
	Mail          bool
	Rows          *rowhistory.Reader
	Wards         *wards.Book
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
	// and Downloads how much all may; 0 means rest.DefaultUserDownloads and
	// rest.DefaultDownloads.
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
	*rest.Desk
	origins  []string
	intake   intake.Desk
	steer    steer.Desk
	lists    lists.Desk
	reading  reading.Desk
	standing standing.Desk
	office   office.Desk
	hooks    hooks.Desk
	notices  notices.Desk
}

// New returns the face; it does nothing until its handler is called.
func New(cfg Config) *API {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Logger = events.Logger(cfg.Logger).With("stage", string(events.StageUpload))
	js := cfg.Log.JetStream()
	desk := &rest.Desk{
		Log: cfg.Log, Store: cfg.Store, Authenticate: rest.RequireUser(cfg.Authenticate), Policy: cfg.Policy,
		Watch: cfg.Watch, TrustedProxies: cfg.TrustedProxies, Auditor: events.NewAuditor(js),
		Downloads: rest.NewDownloads(cfg.Downloads, cfg.UserDownloads), Now: cfg.Now, Logger: cfg.Logger,
	}
	return &API{
		Desk: desk, origins: cfg.Origins,
		intake: intake.Desk{Desk: desk, Upload: cfg.Upload, Jobs: cfg.Jobs, Mappings: mappings.NewStore(js, cfg.Now),
			Quota: cfg.Quota, UserQuota: cfg.UserQuota},
		steer:    steer.Desk{Desk: desk, Upload: cfg.Upload, Jobs: cfg.Jobs},
		lists:    lists.Desk{Desk: desk, Jobs: cfg.Jobs},
		reading:  reading.Desk{Desk: desk, Rows: rows.NewReader(cfg.Store, cfg.Logger), History: cfg.Rows, Key: cfg.Key},
		standing: standing.Desk{Desk: desk, Upload: cfg.Upload, Wards: cfg.Wards},
		office: office.Desk{Desk: desk, Key: cfg.Key,
			Cases: cases.NewLog(js, string(events.StageUpload), cfg.Logger).WithClock(cfg.Now)},
		hooks:   hooks.Desk{Desk: desk, Webhooks: cfg.Webhooks},
		notices: notices.Desk{Desk: desk, People: cfg.Notifications, Mail: cfg.Mail},
	}
}

// Handler serves everything under Base.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range a.routes() {
		path, _ := rest.Route(route).Cut()
		mux.Handle(route.Method+" "+Base+path, a.Answer(rest.Route(route)))
	}
	return a.permitOrigins(mux, a.RefuseUnknown(mux))
}
