package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
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
	"rollcall.example/events/access/accesstest"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/events/stage"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/client"
	"rollcall.example/services/api"
	"rollcall.example/services/app"
	"rollcall.example/services/iec"
	"rollcall.example/services/iec/answers"
	"rollcall.example/services/iec/sim"
	"rollcall.example/services/jobs"
	"rollcall.example/services/persistence"
	"rollcall.example/services/postgres"
	"rollcall.example/services/report"
	"rollcall.example/services/rowhistory"
	"rollcall.example/services/upload"
	"rollcall.example/services/validation"
)

// interceptor runs instead of a stage's handler, which it is given.
type interceptor func(ctx context.Context, w *stage.Work, h stage.Handler) (events.Fact, error)

// pipeline is the API and the four stages in this process, with a real NATS and a real
// PostgreSQL. A test can intercept the handler of each stage.
type pipeline struct {
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
	steps map[events.Stage]interceptor
}

func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	return newPipelineOn(t, eventstest.Start(t))
}

func newPipelineOn(t *testing.T, nats *embedded.Server) *pipeline {
	t.Helper()
	p := &pipeline{t: t, nats: nats, steps: map[events.Stage]interceptor{}, runners: map[events.Stage]*stage.Runner{}}
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

// store returns the artifacts with the permissions of a user.
func (p *pipeline) store(user string) *events.Store {
	return events.NewStore(eventstest.Connect(p.t, p.nats, user))
}

func (p *pipeline) serveAPI() {
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
		Log: p.log, Store: store, Jobs: table,
		Authenticate: app.Authenticate(v, accesstest.Open()), Policy: accesstest.Open(),
		Upload: upload.New(upload.Config{Log: p.log, Store: store, Jobs: table, TusPath: api.TusPath}),
		Rows:   rowhistory.NewReader(store, p.db),
	})
	srv := httptest.NewServer(face.Handler())
	p.t.Cleanup(srv.Close)
	p.url, p.token = srv.URL, token(p.t, "alice", "member")
	p.runInBackground("projection", table.Run)
}

func (p *pipeline) iec() *iec.Service {
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
	kept, err := answers.Open(js, answers.Config{Key: "k"})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(kept.Close)
	client, err := iec.NewClient(iec.ClientConfig{BaseURL: srv.URL})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(client.Close)
	return iec.New(iec.Config{Store: events.NewStore(js), Client: client, Quota: quota, Answers: kept,
		Logger: slog.New(slog.DiscardHandler)})
}

// runInBackground runs a function until the test ends.
func (p *pipeline) runInBackground(what string, run func(context.Context) error) {
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

// start runs stages, all of them if none is named. Failures are retried at once.
func (p *pipeline) start(stages ...events.Stage) {
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
		p.runInBackground(string(name), r.Run)
	}
}

// intercept sets the interceptor of a stage; nil removes it.
func (p *pipeline) intercept(stage events.Stage, a interceptor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps[stage] = a
}

// call makes a request to the API. It returns the status, the code of a refusal and the data.
func (p *pipeline) call(method, path string) (status int, code string, data map[string]any) {
	p.t.Helper()
	req, err := http.NewRequest(method, p.url+api.Base+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
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

// rollIDs are the ID numbers that tryUpload uploads.
var rollIDs = []string{"8001015009087", "9001010001088", "8506155000084"}

// tryUpload uploads a roll of rollIDs with a surname, and returns the answer.
func (p *pipeline) tryUpload(name, surname string) (status int, code, jobID string) {
	p.t.Helper()
	c, err := client.New(client.Config{URL: p.url, Token: p.token})
	if err != nil {
		p.t.Fatal(err)
	}
	roll := "ID Number,Firstname,Surname\n" + strings.Join(rollIDs, ",Some,"+surname+"\n") + ",Some," + surname + "\n"
	jobID, err = c.Upload(p.t.Context(), name, strings.NewReader(roll), client.UploadOptions{})
	if err == nil {
		return http.StatusAccepted, "", jobID
	}
	answer, answered := errors.AsType[*client.StatusError](err)
	refused, ok := errors.AsType[*refusal.Error](err)
	if !answered || !ok {
		p.t.Fatal(err)
	}
	return answer.Status, refused.Code, ""
}

// upload uploads a roll that must be accepted.
func (p *pipeline) upload(name, surname string) (jobID string) {
	p.t.Helper()
	status, code, jobID := p.tryUpload(name, surname)
	if status != http.StatusAccepted {
		p.t.Fatalf("upload: %d %s", status, code)
	}
	return jobID
}

// steer cancels, retries or undoes a job.
func (p *pipeline) steer(what, jobID string) {
	p.t.Helper()
	if status, code, _ := p.call(http.MethodPost, "/"+what+"/"+jobID); status >= 300 {
		p.t.Fatalf("%s: %d %s", what, status, code)
	}
}

// waitForEnd waits until a job has ended with a kind of fact.
func (p *pipeline) waitForEnd(jobID string, kind events.Kind) events.Job {
	p.t.Helper()
	return eventstest.WaitKind(p.t, p.log, jobID, kind)
}

// waitSettled waits until a stage has nothing left to do.
func (p *pipeline) waitSettled(stage events.Stage) {
	p.t.Helper()
	js := eventstest.Connect(p.t, p.nats, "operator")
	eventstest.Wait(p.t, string(stage)+" to settle its messages", func() bool {
		c, err := js.Consumer(p.t.Context(), events.StreamFacts, string(stage))
		return err == nil && c.CachedInfo().NumAckPending == 0 && c.CachedInfo().NumPending == 0
	})
}

// dumpDatabase returns everything that persistence has written, as text, but for the digests
// of the rows that were written last: what takes a job back forgets them.
func (p *pipeline) dumpDatabase() string {
	p.t.Helper()
	var all []string
	err := p.db.Select(&all, `SELECT (to_jsonb(m) - 'row_digest')::text FROM members m
		UNION ALL SELECT to_jsonb(l)::text FROM job_ledger l
		UNION ALL SELECT to_jsonb(o)::text FROM job_outcomes o ORDER BY 1`)
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.Join(all, "\n")
}
