package app

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/gateway/auth/authtest"
	"rollcall.example/services/postgres/postgrestest"
)

// When the passwords of NATS are changed, the client gives up for good. A process that
// stayed would look alive and do nothing: each service ends with the error instead, and
// is started again by whoever supervises it, with the new password.
func TestAServiceEndsWhenNATSNoLongerTakesItsPassword(t *testing.T) {
	passwords := func(suffix string) map[string]string {
		all := map[string]string{}
		for _, user := range embedded.Users {
			all[user] = user + suffix
		}
		return all
	}
	dir := t.TempDir()
	srv, err := embedded.Start(embedded.Config{Dir: filepath.Join(dir, "nats"), Passwords: passwords("-old")})
	if err != nil {
		t.Fatal(err)
	}
	running := srv
	t.Cleanup(func() { running.Stop() })
	addr := strings.TrimPrefix(srv.URL(), "nats://")
	process := Process{Secrets: Secrets{NATS: passwords("-old"), IECCacheKey: "k",
		PrivacyKey: "a key of at least thirty-two bytes"}}
	in := NewInfrastructure(process.Secrets, nil)
	in.UseNATS(NATSSettings{URL: srv.URL()})
	if err := in.Provision(t.Context(), DefaultUp().Provision); err != nil {
		t.Fatal(err)
	}

	database := postgrestest.URL(t)
	ended, urls := map[string]chan error{}, map[string]string{}
	for _, s := range services {
		service := s.name
		cfg := ServeConfig{Service: service, Addr: "127.0.0.1:0", Settings: DefaultUp().Settings, Process: process}
		cfg.NATS.URL, cfg.Database.URL = srv.URL(), database
		cfg.Tokens.Secret, cfg.IEC.URL = authtest.Secret, "http://127.0.0.1:1"
		a, err := Serve(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		urls[service], ended[service] = a.URL(), done
		go func() {
			err := a.Run(t.Context())
			if err := a.Close(); err != nil {
				t.Errorf("close %s: %v", service, err)
			}
			done <- err
		}()
	}
	for service, url := range urls {
		eventstest.Wait(t, service+" to be ready", func() bool {
			resp, err := http.Get(url + "/readyz")
			return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
		})
	}

	srv.Stop()
	if running, err = embedded.Start(embedded.Config{
		Dir: filepath.Join(dir, "nats"), Addr: addr, Passwords: passwords("-new"),
	}); err != nil {
		t.Fatal(err)
	}
	late := time.After(30 * time.Second)
	for service, done := range ended {
		select {
		case err := <-done:
			if !errors.Is(err, nats.ErrConnectionClosed) {
				t.Errorf("%s ended with %v", service, err)
			}
			if resp, err := http.Get(urls[service] + "/livez"); err == nil {
				_ = resp.Body.Close() // an error already
				t.Errorf("%s has ended and says that it lives", service)
			}
		case <-late:
			t.Fatalf("%s goes on", service)
		}
	}
}
