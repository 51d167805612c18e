package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/gateway/client"
	"rollcall.example/services/postgres"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, append(eventstest.IgnoreLeaks(),
		// toxiproxy v2.5.0 forgets what it has read of a connection that breaks.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/stream.(*ChanWriter).Write"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))...)
}

const (
	secret      = "a secret of the tests"
	replicas    = 2
	concurrency = 15 // calls to the IEC that one process has under way
)

// services are run as two processes each, in the order of their start.
var services = []string{"validation", "iec", "persistence", "report", "upload", "gateway", "webhook", "privacy"}

// house is rollcall as processes of its own, with lines between them.
type house struct {
	t        *testing.T
	keep     time.Duration // of uploads
	program  string        // path of rollcall
	env      []string
	nats     string // address without a line
	database *database
	counter  *counter
	lines    map[string]*line
	running  map[string]*process

	kills, broken sync.Map // counts of strikes, by target
}

// newHouse starts everything. What was uploaded is kept for a while after a job's end.
func newHouse(t *testing.T, keep time.Duration) *house {
	t.Helper()
	h := &house{t: t, keep: keep, lines: map[string]*line{}, running: map[string]*process{}, nats: freeAddr(t)}
	programs := build(t, "rollcall.example/services/cmd/rollcall", "github.com/nats-io/nats-server/v2")
	h.program = filepath.Join(programs, "rollcall")
	h.env = []string{"ROLLCALL_IEC_CACHE_KEY=k", "ROLLCALL_JWT_SECRET=" + secret, "ROLLCALL_IEC_USERNAME=u", "ROLLCALL_IEC_PASSWORD=p",
		"ROLLCALL_NATS_STORE=" + t.TempDir()}
	for _, user := range embedded.Users {
		h.env = append(h.env, embedded.PasswordVariable(user)+"=password-of-"+user)
	}
	for _, service := range postgres.RoleServices() {
		h.env = append(h.env, "ROLLCALL_DATABASE_PASSWORD_"+strings.ToUpper(service)+"=role-of-"+service)
	}
	h.database = startDatabase(t)

	run := func(name string, argv ...string) {
		ctx, stop := context.WithCancel(context.Background())
		var ended sync.WaitGroup
		// The last one first: what is to say farewell to another can.
		t.Cleanup(func() { stop(); ended.Wait() })
		p := &process{name: name, env: h.env, argv: argv}
		h.running[name] = p
		ended.Go(func() {
			if err := p.run(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	t.Cleanup(func() {
		for name, p := range h.running {
			if idNumbers.MatchString(p.log.String()) {
				t.Errorf("an ID number in the log of %s", name)
			}
			if t.Failed() {
				text := p.log.String()
				t.Logf("%s, ended by itself %d times:\n%s", name, p.ends.Load(), text[max(len(text)-3000, 0):])
			}
		}
	})

	run("nats", filepath.Join(programs, "nats-server"), "-c", h.natsConf())
	h.migrate()
	simulator := freeAddr(t)
	run("iec-sim", h.program, "iec-sim", "--addr", simulator, "--latency", "40ms", "--jitter", "30ms")
	h.counter = newCounter(t, simulator)
	for _, service := range services {
		for i := range replicas {
			name := fmt.Sprintf("%s-%d", service, i+1)
			addr := freeAddr(t)
			run(name, append([]string{h.program, "serve", service, "--addr", addr, "--log-level", "warn"}, h.arguments(service, name)...)...)
			h.running[name].addr = "http://" + addr
		}
	}
	for _, p := range h.running {
		p.healthy(t)
	}
	return h
}

// arguments tell a service where all that it needs is: at the end of lines of its own.
func (h *house) arguments(service, name string) []string {
	line := func(to, addr string) string {
		l := newLine(h.t, name+"/"+to, addr)
		h.lines[name+"/"+to] = l
		return l.addr()
	}
	args := []string{"--nats", "nats://" + line("nats", h.nats)}
	switch service {
	case "iec":
		args = append(args, "--iec-url", "http://"+line("sim", h.counter.Listener.Addr().String()), "--iec-quota", "1000000", fmt.Sprintf("--iec-concurrency=%d", concurrency))
	case "persistence", "upload", "webhook", "privacy":
		_, port, _ := net.SplitHostPort(line("postgres", h.database.ln.Addr().String()))
		args = append(args, "--database", fmt.Sprintf("host=127.0.0.1 port=%s user=%s password=role-of-%s dbname=rollcall sslmode=disable", port, postgres.Role(service), service))
		switch service {
		case "upload":
			args = append(args, "--user-uploads", "100000", "--user-jobs", "100000", "--webhook-private")
		case "webhook":
			args = append(args, "--webhook-private")
		case "privacy":
			args = append(args, "--keep-uploads", h.keep.String())
		}
	case "gateway":
		args = append(args, "--user-connections", "100000")
	}
	return args
}

// natsConf is the project's own, but for its fixed ports.
func (h *house) natsConf() string {
	text := strings.NewReplacer(`"127.0.0.1:4222"`, `"`+h.nats+`"`, `"127.0.0.1:8222"`, `"`+freeAddr(h.t)+`"`).Replace(string(embedded.Conf))
	file := filepath.Join(h.t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return file
}

func (h *house) migrate() {
	h.t.Helper()
	wait(h.t, "NATS", time.Minute, func() bool {
		c, err := net.Dial("tcp", h.nats)
		return err == nil && c.Close() == nil
	})
	h.command("migrate", "--nats", "nats://"+h.nats, "--database", h.database.server.URL())
}

// command runs rollcall to its end and returns what it prints.
func (h *house) command(args ...string) string {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), h.program, args...)
	cmd.Env = append(os.Environ(), h.env...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = append(out, exit.Stderr...)
		}
		h.t.Fatalf("rollcall %s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

// connect reaches NATS without a line.
func (h *house) connect(user string) jetstream.JetStream {
	h.t.Helper()
	js, err := events.Connect(events.Connection{URL: "nats://" + h.nats, User: user, Password: "password-of-" + user})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(js.Conn().Close)
	return js
}

// newUser returns a user with a token and clients of all replicas.
func (h *house) newUser(name string) *user {
	h.t.Helper()
	u := &user{token: strings.TrimSpace(h.command(
		"token", "--user", name, "--role", "member", "--secret", secret, "--ttl", "4h"))}
	newClient := func(server string, via http.RoundTripper) *client.Client {
		c, err := client.New(client.Config{
			URL: server, Token: u.token, HTTPClient: &http.Client{Timeout: requestTime, Transport: via},
			Attempts: -1, Backoff: func(int) time.Duration { return tryAgainAfter },
		})
		if err != nil {
			h.t.Fatal(err)
		}
		return c
	}
	all := &rotation{failed: &u.again}
	for i := range replicas {
		server := h.running[fmt.Sprintf("upload-%d", i+1)].addr
		addr, err := url.Parse(server)
		if err != nil {
			h.t.Fatal(err)
		}
		all.replicas = append(all.replicas, addr)
		u.servers = append(u.servers, server)
		u.uploads = append(u.uploads, newClient(server, nil))
		u.gateways = append(u.gateways, h.running[fmt.Sprintf("gateway-%d", i+1)].addr)
	}
	u.all = newClient(u.servers[0], all)
	return u
}
