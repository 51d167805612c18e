// Package apitest serves the REST API over real parts, for the tests of the rooms
// behind it. Each answer is held against openapi.yaml.
package apitest

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/access/accesstest"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/person"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api"
	"rollcall.example/services/httpserver"
	"rollcall.example/services/jobs"
	"rollcall.example/services/mail/settings"
	"rollcall.example/services/postgres/postgrestest"
	"rollcall.example/services/rowhistory"
	"rollcall.example/services/upload"
	"rollcall.example/services/wards"
	"rollcall.example/services/webhook/registry"
)

// Rig is the API over a NATS server and a database of its own. A token is "id
// role", for the verifier that the API is given has tests of its own; the role
// national_admin is an administrator's.
type Rig struct {
	T      *testing.T
	NATS   *embedded.Server
	DB     *sqlx.DB
	Log    *events.Log
	Table  *jobs.Table
	Intake *upload.Service
	Key    *person.Key
	// Handler is what is served at URL, which ends with api.Base.
	Handler http.Handler
	URL     string
	// Logs is what the API has logged. It is not safe while requests are served.
	Logs *bytes.Buffer

	cfg  Config
	logs map[events.Stage]*events.Log // of the other stages, once they are connected
}

// Config is what the API of a Rig is made of.
type Config struct {
	API      api.Config
	Upload   upload.Config
	Webhooks registry.Config
}

// New serves the API until the test ends. Files may have 1 MiB.
func New(t *testing.T, change ...func(*Config)) *Rig {
	t.Helper()
	r := &Rig{
		T: t, NATS: eventstest.Start(t), DB: postgrestest.New(t), Logs: &bytes.Buffer{}, logs: map[events.Stage]*events.Log{},
	}
	var err error
	if r.Key, err = person.NewKey(person.NewSecret()); err != nil {
		t.Fatal(err)
	}
	js := eventstest.Connect(t, r.NATS, "upload")
	r.Log = events.NewLog(js, events.StageUpload, nil)
	log, store := slog.New(slog.NewTextHandler(r.Logs, &slog.HandlerOptions{Level: slog.LevelDebug})), events.NewStore(js)
	r.Table = jobs.New(jobs.Config{DB: r.DB, Log: r.Log, Logger: log})
	r.cfg = Config{
		Upload: upload.Config{
			Log: r.Log, Store: store, Jobs: r.Table, TusPath: api.TusPath, MaxFileSize: 1 << 20, Logger: log,
		},
		API: api.Config{
			Log: r.Log, Store: store, Jobs: r.Table, Rows: rowhistory.NewReader(store, r.DB), Key: r.Key,
			Wards: wards.NewBook(r.DB, 2), Notifications: settings.NewStore(r.DB), Mail: true,
			Authenticate: Authenticate(accesstest.Open()), Policy: accesstest.Open(), Logger: log,
			Quota: func(context.Context) (events.Quota, error) { return events.Quota{Used: 25, Limit: 100}, nil },
		},
		Webhooks: registry.Config{DB: r.DB},
	}
	for _, c := range change {
		c(&r.cfg)
	}
	r.serve()
	return r
}

// Replica serves the API a second time, over the same log and database but for the changes.
func (r *Rig) Replica(change ...func(*Config)) *Rig {
	other := *r
	for _, c := range change {
		c(&other.cfg)
	}
	other.serve()
	return &other
}

func (r *Rig) serve() {
	cfg := r.cfg.API
	r.Intake = upload.New(r.cfg.Upload)
	cfg.Upload, cfg.Webhooks = r.Intake, registry.New(r.cfg.Webhooks)
	r.Handler = httpserver.Shield(api.New(cfg).Handler(), cfg.Logger)
	srv := httptest.NewServer(r.Handler)
	r.T.Cleanup(srv.Close)
	r.T.Cleanup(http.DefaultClient.CloseIdleConnections)
	r.URL = srv.URL + api.Base
}

// Authenticate reads "Bearer ID ROLE", and after the role further words
// province=GP, municipality=JHB, ward=79800001 and email=a@example.org.
func Authenticate(policy *access.Policy) func(*http.Request) (access.Principal, error) {
	return func(r *http.Request) (access.Principal, error) {
		words := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), " ")
		if len(words) < 2 {
			return access.Principal{}, &refusal.Error{Code: refusal.CodeUnauthenticated, Message: "Please sign in.",
				Details: map[string]any{"reason": "token_missing"}}
		}
		var places access.Places
		var email string
		for _, word := range words[2:] {
			switch level, code, _ := strings.Cut(word, "="); level {
			case "province":
				places.Provinces = append(places.Provinces, code)
			case "municipality":
				places.Municipalities = append(places.Municipalities, code)
			case "ward":
				places.Wards = append(places.Wards, code)
			case "email":
				email = code
			}
		}
		who := policy.Identify(events.User{ID: words[0], Role: words[1]}, places)
		who.Email = email
		return who, nil
	}
}

// Project runs the projection of the table jobs until the test ends.
func (r *Rig) Project() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Table.Run(ctx) }()
	r.T.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.T.Error(err)
		}
	})
}

// Append appends facts to a job, each as the stage whose it is.
func (r *Rig) Append(id string, facts ...events.Fact) {
	r.T.Helper()
	job, err := r.Log.Load(r.T.Context(), id)
	if err != nil {
		r.T.Fatal(err)
	}
	for _, f := range facts {
		stage := job.Next()
		if r.logs[stage] == nil {
			r.logs[stage] = events.NewLog(eventstest.Connect(r.T, r.NATS, string(stage)), stage, nil)
		}
		eventstest.Append(r.T, r.logs[stage], &job, f)
	}
}

// Exec runs a statement in the database.
func (r *Rig) Exec(statement string) {
	r.T.Helper()
	if _, err := r.DB.Exec(statement); err != nil {
		r.T.Fatal(err)
	}
}

// Empty says whether neither an event nor an uploaded file is stored.
func (r *Rig) Empty() bool {
	r.T.Helper()
	js := eventstest.Connect(r.T, r.NATS, eventstest.Owner)
	for _, stream := range []string{events.StreamFacts, "OBJ_" + events.BucketUploads} {
		s, err := js.Stream(r.T.Context(), stream)
		if err != nil {
			r.T.Fatal(err)
		}
		if s.CachedInfo().State.Msgs != 0 {
			return false
		}
	}
	return true
}
