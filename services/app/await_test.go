package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/gateway/auth/authtest"
	"rollcall.example/services/postgres/postgrestest"
)

// freePort returns an address that nobody listens at.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }() // nobody has connected
	return ln.Addr().String()
}

// lateDatabase returns the URL of a PostgreSQL that answers once come is called.
func lateDatabase(t *testing.T) (url string, come func()) {
	t.Helper()
	real := postgrestest.URL(t)
	dir := regexp.MustCompile(`host=(\S+)`).FindStringSubmatch(real)[1]
	socket, err := filepath.Glob(filepath.Join(dir, ".s.PGSQL.*[0-9]"))
	if err != nil || len(socket) != 1 {
		t.Fatalf("sockets in %s: %v, %v", dir, socket, err)
	}
	addr := freePort(t)
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	url = regexp.MustCompile(`port=\S+ ?`).ReplaceAllString(real, "")
	url = strings.Replace(url, "host="+dir, "host="+host+" port="+port, 1)
	if !strings.Contains(url, "sslmode") {
		url += " sslmode=disable"
	}
	return url, func() {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = ln.Close() }) // the connections end with the services
		go func() {
			for {
				in, err := ln.Accept()
				if err != nil {
					return
				}
				out, err := net.Dial("unix", socket[0])
				if err != nil {
					t.Error(err)
					return
				}
				go func() { _, _ = io.Copy(out, in); _ = out.Close() }() // either side may end it
				go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
			}
		}()
	}
}

// readHealth returns the status of a path and what it says of each check.
func readHealth(url, path string) (status int, checks map[string]string) {
	resp, err := http.Get(url + path)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	var body struct {
		Checks map[string]string `json:"checks"`
	}
	if json.NewDecoder(resp.Body).Decode(&body) != nil {
		return 0, nil
	}
	return resp.StatusCode, body.Checks
}

// waitFor waits until a process says that it waits for something, and lives.
func waitFor(t *testing.T, url, what string) {
	t.Helper()
	eventstest.Wait(t, url+" to wait for "+what, func() bool {
		status, checks := readHealth(url, "/readyz")
		return status == http.StatusServiceUnavailable && strings.HasPrefix(checks[what], "waiting: ")
	})
	if status, _ := readHealth(url, "/livez"); status != http.StatusOK {
		t.Errorf("%s does not live: %d", url, status)
	}
	if status, _ := readHealth(url, "/api/v1/bulk-upload/stats"); status != http.StatusServiceUnavailable {
		t.Errorf("%s answers %d while it waits", url, status)
	}
}

func natsPasswords() map[string]string {
	all := map[string]string{}
	for _, user := range embedded.Users {
		all[user] = "password-of-" + user
	}
	return all
}

// serving is a service that starts in the background.
func serving(t *testing.T, cfg ServeConfig) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		a, err := Serve(ctx, cfg)
		if err != nil {
			ended <- fmt.Errorf("serve %s: %w", cfg.Service, err)
			return
		}
		err = a.Run(ctx)
		if closed := a.Close(); err == nil {
			err = closed
		}
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s ended with %v", cfg.Service, err)
		}
	})
}

// Every service that starts before NATS, PostgreSQL and the streams waits for them, says
// so, lives meanwhile, and works once they are there.
func TestServicesStartBeforeWhatTheyNeed(t *testing.T) {
	natsAddr := freePort(t)
	database, bringDatabase := lateDatabase(t)
	process := Process{Secrets: Secrets{NATS: natsPasswords(), IECCacheKey: "k",
		PrivacyKey: "a key of at least thirty-two bytes"}}
	urls := map[string]string{}
	for _, s := range services {
		cfg := ServeConfig{Service: s.name, Addr: freePort(t), Settings: DefaultUp().Settings, Process: process}
		cfg.NATS.URL, cfg.Database.URL = "nats://"+natsAddr, database
		cfg.Tokens.Secret, cfg.IEC.URL = authtest.Secret, "http://127.0.0.1:1"
		urls[s.name] = "http://" + cfg.Addr
		serving(t, cfg)
	}
	for _, url := range urls {
		waitFor(t, url, "database")
	}
	bringDatabase()
	for service, url := range urls {
		waitFor(t, url, "nats as "+service)
	}
	srv, err := embedded.Start(embedded.Config{
		Dir: filepath.Join(t.TempDir(), "nats"), Addr: natsAddr, Passwords: natsPasswords(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	waitFor(t, urls["report"], "consumer report") // nothing was made there yet
	in := NewInfrastructure(process.Secrets, nil)
	in.UseNATS(NATSSettings{URL: srv.URL()})
	if err := in.Provision(t.Context(), DefaultUp().Provision); err != nil {
		t.Fatal(err)
	}
	for service, url := range urls {
		eventstest.Wait(t, service+" to be ready", func() bool {
			status, _ := readHealth(url, "/readyz")
			return status == http.StatusOK
		})
	}
}

// up that uses the servers of others waits for them too.
func TestUpStartsBeforeTheServersOfOthers(t *testing.T) {
	natsAddr := freePort(t)
	database, bringDatabase := lateDatabase(t)
	cfg := DefaultUp()
	cfg.Addr, cfg.Data = freePort(t), filepath.Join(t.TempDir(), "data")
	cfg.NATS.URL, cfg.Database.URL, cfg.Secrets.NATS = "nats://"+natsAddr, database, natsPasswords()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		a, err := Up(ctx, cfg)
		if err == nil {
			err = a.Run(ctx)
			if closed := a.Close(); err == nil {
				err = closed
			}
		}
		ended <- err
	}()
	url := "http://" + cfg.Addr
	waitFor(t, url, "nats as provisioner")
	srv, err := embedded.Start(embedded.Config{
		Dir: filepath.Join(t.TempDir(), "nats"), Addr: natsAddr, Passwords: natsPasswords(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	waitFor(t, url, "database")
	bringDatabase()
	eventstest.Wait(t, "up to be ready", func() bool {
		status, _ := readHealth(url, "/readyz")
		return status == http.StatusOK
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Waiting mends no wrong setting: the process ends at once and says what is wrong.
func TestWrongSettingsAreNotWaitedFor(t *testing.T) {
	srv, err := embedded.Start(embedded.Config{Dir: filepath.Join(t.TempDir(), "nats"), Passwords: natsPasswords()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	database := postgrestest.URL(t)
	nobody := "nats://" + freePort(t)
	for name, tt := range map[string]struct {
		service string
		change  func(*ServeConfig)
		want    string
	}{
		"password of NATS": {"report", func(c *ServeConfig) {
			c.NATS.URL, c.Secrets.NATS = srv.URL(), map[string]string{"report": "wrong"}
		}, "Authorization Violation"},
		"name of a database": {"persistence", func(c *ServeConfig) {
			c.Database.URL = strings.Replace(database, "dbname=", "dbname=no_", 1)
		}, "does not exist"},
		"password of the database": {"persistence", func(c *ServeConfig) {
			c.Database.URL = regexp.MustCompile(`password=\S+`).ReplaceAllString(database, "password=wrong")
		}, "password authentication failed"},
		"URL of NATS":       {"report", func(c *ServeConfig) { c.NATS.URL = "nats://127.0.0.1:port" }, "port"},
		"no key for hashes": {"validation", func(c *ServeConfig) { c.Secrets.PrivacyKey = "" }, "ROLLCALL_PRIVACY_KEY"},
		"no IEC":            {"iec", func(c *ServeConfig) { c.IEC.URL = "" }, "--iec-url"},
		"no cache key":      {"iec", func(c *ServeConfig) { c.Secrets.IECCacheKey = "" }, "ROLLCALL_IEC_CACHE_KEY"},
		"no key of tokens":  {"gateway", func(c *ServeConfig) { c.Tokens.Secret = "" }, "no key"},
	} {
		cfg := ServeConfig{Service: tt.service, Addr: "127.0.0.1:0", Settings: DefaultUp().Settings,
			Process: Process{Secrets: Secrets{NATS: natsPasswords(), IECCacheKey: "k",
				PrivacyKey: "a key of at least thirty-two bytes"}}}
		cfg.NATS.URL, cfg.Database.URL = nobody, database
		cfg.Tokens.Secret, cfg.IEC.URL = authtest.Secret, "http://127.0.0.1:1"
		tt.change(&cfg)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := Serve(ctx, cfg)
		if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		cancel()
	}
}

// deafNATS loses the first question, as a server does that stops meanwhile.
type deafNATS struct {
	jetstream.JetStream
	waits []time.Duration // that the questions had left
}

func (d *deafNATS) Consumer(ctx context.Context, _, _ string) (jetstream.Consumer, error) {
	end, ok := ctx.Deadline()
	if !ok {
		end = time.Now().Add(time.Hour)
	}
	d.waits = append(d.waits, time.Until(end))
	if len(d.waits) == 1 {
		return nil, nats.ErrTimeout
	}
	return nil, nil
}

// A question that nobody answers is asked again before an operator wonders why nothing starts.
func TestAStartAsksAgainWhatGotLost(t *testing.T) {
	a, err := listen("127.0.0.1:0", Settings{}, Process{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	js := &deafNATS{}
	if err := awaitConsumer(t.Context(), a, js, events.StreamFacts, "validation"); err != nil {
		t.Fatal(err)
	}
	if len(js.waits) != 2 || slices.Max(js.waits) > 10*time.Second {
		t.Errorf("the questions waited up to %v", js.waits)
	}
}
