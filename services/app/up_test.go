package app

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/gateway/client"
	"rollcall.example/schema"
)

// run runs an App until the test has done with it. The error is what Run returned.
func run(t *testing.T, a *App) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	return func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(time.Minute):
			t.Error("Run does not return")
			return nil
		}
	}
}

func get(t *testing.T, url string) (status int, build string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Build string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer.Build
}

// Everything starts from a struct, without flags and on free ports, takes a roll to its
// report, and is gone when it is closed.
func TestUpFromAConfig(t *testing.T) {
	cfg := DefaultUp()
	cfg.Addr, cfg.Data, cfg.Build = "127.0.0.1:0", filepath.Join(t.TempDir(), "data"), "this build"
	a, err := Up(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	// Whoever reads the address in the terminal uses it at once.
	if status, _ := readHealth(a.URL(), "/api/v1/bulk-upload/stats"); status != http.StatusUnauthorized {
		t.Errorf("the API answers %d before Run", status)
	}
	stop := run(t, a)
	if status, build := get(t, a.URL()+"/healthz"); build != "this build" {
		t.Errorf("health is %d of %q", status, build)
	}
	eventstest.Wait(t, "the end of the start", func() bool {
		status, _ := get(t, a.URL()+"/readyz")
		return status == http.StatusOK
	})
	token, err := a.SignToken("alice", "national_admin", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{URL: a.URL(), Token: token})
	if err != nil {
		t.Fatal(err)
	}
	roll, err := schema.Samples.Open("samples/roll-500.xlsx")
	if err != nil {
		t.Fatal(err)
	}
	job, err := c.Upload(t.Context(), "roll-500.xlsx", roll, client.UploadOptions{})
	if err := roll.Close(); err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var last client.Frame
	for f, err := range c.Watch(t.Context(), job, 0) {
		if err != nil {
			t.Fatal(err)
		}
		last = f
	}
	if done, err := last.Complete(); err != nil || done.Status != events.StatusCompleted {
		t.Errorf("the job ended with %s: %+v, %v", last.Event, done, err)
	}
	for _, name := range []string{NATSEnv, InvestigatorEnv, PrivacyEnv} {
		if _, err := os.Stat(filepath.Join(cfg.Data, name)); err != nil {
			t.Error(err)
		}
	}
	if err := stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if resp, err := http.Get(a.URL() + "/livez"); err == nil {
		_ = resp.Body.Close() // an error already
		t.Error("it still answers")
	}
	left, err := filepath.Glob(filepath.Join(cfg.Data, "*.env"))
	if err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// What cannot be is refused before anything is opened.
func TestUpRefusesBeforeItOpensAnything(t *testing.T) {
	cfg := DefaultUp()
	cfg.Data = filepath.Join(t.TempDir(), "data")
	cfg.IEC.Concurrency = 0
	if _, err := Up(t.Context(), cfg); err == nil || err.Error() != "iec-concurrency must be at least 1, not 0" {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(cfg.Data); !os.IsNotExist(err) {
		t.Errorf("the data folder was made: %v", err)
	}
}

func TestServeNeedsWhatIsAnothers(t *testing.T) {
	for service, want := range map[string]string{
		"validation": "validation: no NATS: give --nats", "persistence": "persistence: no database: give --database",
		"gateway": "gateway: ", "none": `there is no service "none"`, "": `there is no service ""`,
	} {
		cfg := ServeConfig{Service: service, Addr: "127.0.0.1:0", Settings: DefaultUp().Settings}
		_, err := Serve(t.Context(), cfg)
		if err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
			t.Errorf("%s: %v, want %s", service, err, want)
		}
	}
}

func TestConditionsAreKnownOfEachService(t *testing.T) {
	for _, s := range services {
		if conditions[s.name] == nil {
			t.Errorf("%s has no conditions", s.name)
		}
	}
	if len(conditions) != len(services) {
		t.Errorf("%d services, conditions of %d", len(services), len(conditions))
	}
}

// The services that serve can be told of are those that there are.
func TestServeKnowsEachService(t *testing.T) {
	var names []string
	for _, s := range services {
		names = append(names, s.name)
	}
	if got := strings.Split(values["services"], ","); !slices.Equal(slices.Sorted(slices.Values(got)),
		slices.Sorted(slices.Values(names))) {
		t.Errorf("serve takes %v, there are %v", got, names)
	}
}
