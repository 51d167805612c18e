package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
	"rollcall.example/gateway/auth"
	"rollcall.example/services/api"
	"rollcall.example/services/app"
	"rollcall.example/services/iec"
	"rollcall.example/services/iec/sim"
	"rollcall.example/services/jobs"
	"rollcall.example/services/persistence"
	"rollcall.example/services/postgres"
	"rollcall.example/services/report"
	"rollcall.example/services/rowhistory"
	"rollcall.example/services/upload"
	"rollcall.example/services/validation"
)

// around stands between a runner and its stage's handler.
type around func(ctx context.Context, w *stage.Work, h stage.Handler) (events.Fact, error)

// plant is the API and the four stages in this process, over a real NATS and a
// real PostgreSQL, where a test may step between each runner and its handler.
type plant struct {
	t     *testing.T
	nats  *embedded.Server
	db    *sqlx.DB
	log   *events.Log
	url   string // of the API
	token string

	handlers map[events.Stage]stage.Handler
	runners  map[events.Stage]*stage.Runner
	undo     func(context.Context, *events.Job) error

	mu    sync.Mutex
	steps map[events.Stage]around
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	return newPlantOn(t, eventstest.Start(t))
}

func newPlantOn(t *testing.T, nats *embedded.Server) *plant {
	t.Helper()
	p := &plant{t: t, nats: nats, steps: map[events.Stage]around{}, runners: map[events.Stage]*stage.Runner{}}
	var err error
	if p.db, err = postgres.Open(t.Context(), privateDatabase(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.db.Close() })
	if err := postgres.Migrate(t.Context(), p.db); err != nil {
		t.Fatal(err)
	}
	p.serveAPI()
	persist := persistence.New(persistence.Config{DB: p.db, Store: p.store("persistence")})
	p.undo = persist.Undo
	p.handlers = map[events.Stage]stage.Handler{
		events.StageValidation:  validation.New(validation.Config{Store: p.store("validation")}).Handle,
		events.StageIEC:         p.iec().Handle,
		events.StagePersistence: persist.Handle,
		events.StageReport:      report.New(report.Config{Store: p.store("report")}).Handle,
	}
	return p
}

// store is the artifacts as a user of nats.conf may reach them.
func (p *plant) store(user string) *events.Store {
	return events.NewStore(eventstest.Connect(p.t, p.nats, user))
}

func (p *plant) serveAPI() {
	p.t.Helper()
	js := eventstest.Connect(p.t, p.nats, "upload")
	p.log = events.NewLog(js, events.StageUpload, nil)
	v, err := auth.New(p.t.Context(), auth.Config{Secret: secret})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(v.Close)
	store, table := events.NewStore(js), jobs.New(jobs.Config{DB: p.db, Log: p.log})
	face := api.New(api.Config{
		Log: p.log, Store: store, Jobs: table, Authenticate: app.Authenticate(v),
		Upload: upload.New(upload.Config{Log: p.log, Store: store, Jobs: table, TusPath: api.TusPath}),
		Rows:   rowhistory.NewReader(store, p.db),
	})
	srv := httptest.NewServer(face.Handler())
	p.t.Cleanup(srv.Close)
	p.url, p.token = srv.URL, token(p.t, "alice", "member")
	p.running("projection", table.Run)
}

func (p *plant) iec() *iec.Service {
	p.t.Helper()
	simulator, err := sim.New(sim.Config{})
	if err != nil {
		p.t.Fatal(err)
	}
	srv := httptest.NewServer(simulator)
	p.t.Cleanup(srv.Close)
	js := eventstest.Connect(p.t, p.nats, "iec")
	bucket := func(name string) jetstream.KeyValue {
		kv, err := js.KeyValue(p.t.Context(), name)
		if err != nil {
			p.t.Fatal(err)
		}
		return kv
	}
	quota, err := iec.NewQuota(bucket(events.KVQuota), iec.QuotaConfig{Limit: 10_000})
	if err != nil {
		p.t.Fatal(err)
	}
	cache, err := iec.NewCache(js, bucket(events.KVVerdicts), bucket(events.KVClaims), iec.CacheConfig{Key: "k"})
	if err != nil {
		p.t.Fatal(err)
	}
	client, err := iec.NewClient(iec.ClientConfig{BaseURL: srv.URL})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(client.Close)
	return iec.New(iec.Config{Store: events.NewStore(js), Client: client, Quota: quota, Cache: cache,
		Logger: slog.New(slog.DiscardHandler)})
}

// running runs something until the test ends.
func (p *plant) running(what string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	p.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Errorf("run %s: %v", what, err)
		}
	})
}

// start sets stages to work, all if none is named. Failures are tried again at once.
func (p *plant) start(stages ...events.Stage) {
	if len(stages) == 0 {
		stages = slices.Collect(maps.Keys(p.handlers))
	}
	for _, name := range stages {
		r := &stage.Runner{
			Log: events.NewLog(eventstest.Connect(p.t, p.nats, string(name)), name, nil), Stage: name, Workers: 1,
			Backoff: func(int) time.Duration { return 20 * time.Millisecond },
			Handle: func(ctx context.Context, w *stage.Work) (events.Fact, error) {
				p.mu.Lock()
				step := p.steps[name]
				p.mu.Unlock()
				if step == nil {
					return p.handlers[name](ctx, w)
				}
				return step(ctx, w, p.handlers[name])
			},
		}
		if name == events.StagePersistence {
			r.Undo = p.undo
		}
		p.runners[name] = r
		p.running(string(name), r.Run)
	}
}

// step sets what stands before a stage's handler from now on; nil is nothing.
func (p *plant) step(stage events.Stage, a around) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps[stage] = a
}

// call makes a request of the API and returns its status and the code of its error.
func (p *plant) call(method, path string, body io.Reader, contentType string) (status int, code string,
	data map[string]any) {
	p.t.Helper()
	req, err := http.NewRequest(method, p.url+api.Base+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Data  map[string]any
		Error struct{ Code string }
	}
	if resp.Header.Get("Content-Type") == "application/json" {
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			p.t.Fatal(err)
		}
	}
	return resp.StatusCode, answer.Error.Code, answer.Data
}

// onRoll are the people whom offer uploads.
var onRoll = []string{"8001015009087", "9001010001088", "8506155000084"}

// offer uploads a roll of onRoll with a surname, and returns what is answered.
func (p *plant) offer(name, surname string) (status int, code, jobID string) {
	p.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("file", name)
	if err == nil {
		_, err = fmt.Fprint(file, "ID Number,Firstname,Surname\n", strings.Join(onRoll, ",Some,"+surname+"\n"), ",Some,",
			surname, "\n")
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	status, code, data := p.call(http.MethodPost, "/process", &body, form.FormDataContentType())
	jobID, _ = data["job_id"].(string)
	return status, code, jobID
}

// upload uploads a roll, which is taken.
func (p *plant) upload(name, surname string) (jobID string) {
	p.t.Helper()
	status, code, jobID := p.offer(name, surname)
	if status != http.StatusAccepted {
		p.t.Fatalf("upload: %d %s", status, code)
	}
	return jobID
}

// post asks for something to be done to a job.
func (p *plant) post(what, jobID string) {
	p.t.Helper()
	if status, code, _ := p.call(http.MethodPost, "/"+what+"/"+jobID, nil, ""); status >= 300 {
		p.t.Fatalf("%s: %d %s", what, status, code)
	}
}

// ends waits until a job has ended so.
func (p *plant) ends(jobID string, kind events.Kind) events.Job {
	p.t.Helper()
	return eventstest.WaitKind(p.t, p.log, jobID, kind)
}

// settled waits until a stage has nothing left to do.
func (p *plant) settled(stage events.Stage) {
	p.t.Helper()
	js := eventstest.Connect(p.t, p.nats, "operator")
	eventstest.Wait(p.t, string(stage)+" to settle its messages", func() bool {
		c, err := js.Consumer(p.t.Context(), events.StreamFacts, string(stage))
		return err == nil && c.CachedInfo().NumAckPending == 0 && c.CachedInfo().NumPending == 0
	})
}

// database is all that persistence has written, as text.
func (p *plant) database() string {
	p.t.Helper()
	var all []string
	err := p.db.Select(&all, `SELECT to_jsonb(m)::text FROM members m UNION ALL SELECT to_jsonb(l)::text FROM job_ledger l
		UNION ALL SELECT to_jsonb(o)::text FROM job_outcomes o ORDER BY 1`)
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.Join(all, "\n")
}
