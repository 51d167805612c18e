package app

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/gateway/auth/authtest"
	"rollcall.example/services/postgres/postgrestest"
)

// conditions are the services that can be served, with what each of them cannot do without.
var conditions = map[string][]string{
	"validation": {"nats as validation", "consumer validation", "room for validation", "bucket UPLOADS", "bucket ROWS",
		"bucket OUTCOMES"},
	"iec": {"nats as iec", "consumer iec", "room for iec", "bucket ROWS", "bucket VERDICTS",
		"bucket IEC_QUOTA", "bucket IEC_VERDICTS", "bucket IEC_STATIONS", "stream IEC_LOG"},
	"persistence": {"nats as persistence", "consumer persistence", "room for persistence",
		"bucket ROWS", "bucket VERDICTS", "bucket OUTCOMES", "database"},
	"report": {"nats as report", "consumer report", "room for report",
		"bucket ROWS", "bucket VERDICTS", "bucket OUTCOMES", "bucket REPORTS"},
	"upload": {"nats as upload", "consumer projection", "bucket UPLOADS", "bucket ROWS", "bucket OUTCOMES",
		"bucket REPORTS", "bucket IEC_QUOTA", "database", "revocations"},
	"webhook": {"nats as webhook", "consumer webhook", "consumer mail", "database"},
	"privacy": {"nats as privacy", "bucket UPLOADS", "bucket ROWS", "bucket VERDICTS", "bucket OUTCOMES",
		"bucket IEC_VERDICTS", "bucket IEC_STATIONS", "stream IEC_LOG", "bucket REPORTS", "consumer cases", "database"},
	"gateway": {"nats as gateway", "live feed", "revocations"},
}

// healthOf returns what a service answers at a path.
func healthOf(t *testing.T, a *App, path string) (status int, found map[string]string) {
	t.Helper()
	w := httptest.NewRecorder()
	healthRoutes(a.checks, nil)[path](w, httptest.NewRequest(http.MethodGet, path, nil))
	var answer struct{ Checks map[string]string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return w.Code, answer.Checks
}

// Each part that a service needs is taken away, and its health says so in words.
func TestHealthSaysWhatIsMissing(t *testing.T) {
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Conf: eventstest.WithOwner(embedded.Conf)})
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			srv.Stop()
		}
	}
	t.Cleanup(stop)
	in := NewInfrastructure(Secrets{}, nil)
	in.connect = srv.Connect
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
	set := DefaultUp().Settings
	set.Tokens.Secret, set.IEC.URL = authtest.Secret, "http://127.0.0.1:1"
	if err := in.Provision(t.Context(), DefaultUp().Provision); err != nil {
		t.Fatal(err)
	}
	if _, err := in.OpenDatabase(t.Context(), postgrestest.URL(t)); err != nil {
		t.Fatal(err)
	}
	// Who hashes people does not start without the key, or with one that can be guessed.
	for service := range conditions {
		needs := slices.Contains([]string{"upload", "validation", "persistence", "privacy"}, service)
		for _, key := range []string{"", "guessed"} {
			a := newApp(in, set, Process{Secrets: Secrets{IECCacheKey: "k", PrivacyKey: key}})
			if err := a.compose(t.Context(), "", service); (err != nil) != needs {
				t.Errorf("%s with the key %q: %v", service, key, err)
			}
		}
	}
	apps := map[string]*App{}
	for service := range conditions {
		a := newApp(in, set, Process{Secrets: Secrets{IECCacheKey: "k", PrivacyKey: "a key of at least thirty-two bytes"}})
		if err := a.compose(t.Context(), "", service); err != nil {
			t.Fatal(err)
		}
		apps[service] = a
	}
	gateway := apps["gateway"]
	ctx, cancel := context.WithCancel(t.Context())
	var group errgroup.Group
	// Before it runs there is no live feed.
	if _, found := healthOf(t, gateway, "/healthz"); found["live feed"] != "not connected to the live feed" {
		t.Errorf("a gateway that does not run: %v", found)
	}
	group.Go(func() error { return apps["upload"].revocations.Run(ctx) })
	for _, run := range gateway.run {
		group.Go(func() error { return run(ctx) })
	}
	defer func() {
		cancel()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	}()
	eventstest.Wait(t, "the live feed", func() bool {
		status, _ := healthOf(t, gateway, "/healthz")
		return status == http.StatusOK
	})

	// want holds that exactly one condition is broken, wherever it is one.
	want := func(name, words string) {
		t.Helper()
		for service, needs := range conditions {
			status, found := healthOf(t, apps[service], "/readyz")
			if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, slices.Sorted(slices.Values(needs))) {
				t.Errorf("%s looks at %v, want %v", service, got, needs)
			}
			for check, text := range found {
				if (check == name) != (text != "ok") || check == name && !strings.Contains(text, words) {
					t.Errorf("%s, without %q: %s: %s", service, name, check, text)
				}
			}
			if broken := slices.Contains(needs, name); broken != (status == http.StatusServiceUnavailable) {
				t.Errorf("%s, without %q: status %d", service, name, status)
			}
			if status, _ := healthOf(t, apps[service], "/livez"); status != http.StatusOK {
				t.Errorf("%s, without %q, is not alive", service, name)
			}
		}
	}
	want("", "")

	js := eventstest.Connect(t, srv, eventstest.Owner)
	for _, name := range []string{
		events.ConsumerProjection, events.ConsumerWebhook, "validation", "iec", "persistence", "report",
	} {
		if err := js.DeleteConsumer(t.Context(), events.StreamFacts, name); err != nil {
			t.Fatal(err)
		}
		want("consumer "+name, "run rollcall migrate")
		if err := events.Provision(t.Context(), js, events.ProvisionConfig{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, stream := range []string{
		"OBJ_UPLOADS", "OBJ_ROWS", "OBJ_VERDICTS", "OBJ_OUTCOMES", "OBJ_REPORTS",
		"KV_IEC_QUOTA", "KV_IEC_VERDICTS", "KV_IEC_STATIONS",
	} {
		if err := js.DeleteStream(t.Context(), stream); err != nil {
			t.Fatal(err)
		}
		want("bucket "+stream[strings.Index(stream, "_")+1:], "run rollcall migrate")
		if err := events.Provision(t.Context(), js, events.ProvisionConfig{}); err != nil {
			t.Fatal(err)
		}
	}
	const forget = `DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`
	if _, err := in.db.Exec(forget); err != nil {
		t.Fatal(err)
	}
	want("database", "run rollcall migrate")
	if err := in.db.Close(); err != nil {
		t.Fatal(err)
	}
	want("database", "database does not answer")

	stop()
	for service, a := range apps {
		eventstest.Wait(t, service+" to notice that NATS is gone", func() bool {
			status, found := healthOf(t, a, "/healthz")
			return status == http.StatusServiceUnavailable && strings.HasPrefix(found["nats as "+service], "not connected")
		})
		if status, _ := healthOf(t, a, "/livez"); status != http.StatusOK {
			t.Errorf("%s without NATS is not alive", service)
		}
	}
}

func TestACheckThatHangsMakesNoOtherLookBroken(t *testing.T) {
	found := askAll(t.Context(), []check{
		{name: "hangs", ok: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		{name: "quick", ok: func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Millisecond):
				return nil
			}
		}},
	})
	if found["quick"] != nil || found["hangs"] == nil || found["hangs"].Error() != "no answer within 3s" {
		t.Errorf("%v", found)
	}
}
