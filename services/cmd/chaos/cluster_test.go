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
	"rollcall.example/gateway/auth/authtest"
	"rollcall.example/gateway/client"
	"rollcall.example/services/postgres"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, append(eventstest.IgnoreLeaks(),
		// toxiproxy leaks these goroutines when a connection breaks.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/stream.(*ChanWriter).Write"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))...)
}

const (
	secret      = authtest.Secret
	replicas    = 2
	concurrency = 15 // calls to the IEC under way in one process
	// A job that changes more members than this waits until somebody else approves it.
	approveAbove = 5
)

// services run as two processes each, in this order of start.
var services = []string{"validation", "iec", "persistence", "report", "upload", "gateway", "webhook", "privacy"}

// cluster is rollcall as separate processes, with links between them.
type cluster struct {
	t           *testing.T
	keep        time.Duration // retention of uploads
	program     string        // path of rollcall
	env         []string
	nats        string // address without a link
	database    *database
	callCounter *callCounter
	links       map[string]*link
	processes   map[string]*process

	kills, breaks sync.Map // number of faults, by target
}

// newCluster starts everything. keep is the retention of uploads after a job's end.
func newCluster(t *testing.T, keep time.Duration) *cluster {
	t.Helper()
	c := &cluster{t: t, keep: keep, links: map[string]*link{}, processes: map[string]*process{}, nats: freeAddr(t)}
	programs := buildPrograms(t, "rollcall.example/services/cmd/rollcall", "github.com/nats-io/nats-server/v2")
	c.program = filepath.Join(programs, "rollcall")
	c.env = []string{"ROLLCALL_IEC_CACHE_KEY=k", "ROLLCALL_PRIVACY_KEY=a key of at least thirty-two bytes",
		"ROLLCALL_JWT_SECRET=" + secret, "ROLLCALL_IEC_USERNAME=u", "ROLLCALL_IEC_PASSWORD=p",
		"ROLLCALL_NATS_STORE=" + t.TempDir(), embedded.StoreKeyVariable + "=a-key-of-at-least-thirty-two-bytes"}
	for _, user := range embedded.Users {
		c.env = append(c.env, embedded.PasswordVariable(user)+"=password-of-"+user)
	}
	for _, service := range postgres.RoleServices() {
		c.env = append(c.env, "ROLLCALL_DATABASE_PASSWORD_"+strings.ToUpper(service)+"=role-of-"+service)
	}
	c.database = startDatabase(t)

	run := func(name string, argv ...string) {
		ctx, stop := context.WithCancel(context.Background())
		var ended sync.WaitGroup
		// Cleanup stops the last process first, so that others it needs are still there.
		t.Cleanup(func() { stop(); ended.Wait() })
		p := &process{name: name, env: c.env, argv: argv}
		c.processes[name] = p
		ended.Go(func() {
			if err := p.run(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	t.Cleanup(func() {
		for name, p := range c.processes {
			if idNumberPattern.MatchString(p.log.String()) {
				t.Errorf("an ID number in the log of %s", name)
			}
			if t.Failed() {
				text := p.log.String()
				t.Logf("%s, exited by itself %d times:\n%s", name, p.exits.Load(), text[max(len(text)-3000, 0):])
			}
		}
	})

	run("nats", filepath.Join(programs, "nats-server"), "-c", c.natsConf())
	c.migrate()
	simulator := freeAddr(t)
	run("iec-sim", c.program, "iec-sim", "--addr", simulator, "--latency", "40ms", "--jitter", "30ms")
	c.callCounter = newCallCounter(t, simulator)
	for _, service := range services {
		for i := range replicas {
			name := fmt.Sprintf("%s-%d", service, i+1)
			addr := freeAddr(t)
			run(name, append([]string{c.program, "serve", service, "--addr", addr, "--log-level", "warn"},
				c.serviceArgs(service, name)...)...)
			c.processes[name].addr = "http://" + addr
		}
	}
	for _, p := range c.processes {
		p.waitHealthy(t)
	}
	return c
}

// serviceArgs returns the arguments of a service. It reaches everything over links of
// its own.
func (c *cluster) serviceArgs(service, name string) []string {
	line := func(to, addr string) string {
		l := newLink(c.t, name+"/"+to, addr)
		c.links[name+"/"+to] = l
		return l.addr()
	}
	args := []string{"--nats", "nats://" + line("nats", c.nats)}
	switch service {
	case "iec":
		args = append(args, "--iec-url", "http://"+line("sim", c.callCounter.Listener.Addr().String()), "--iec-quota",
			"1000000", fmt.Sprintf("--iec-concurrency=%d", concurrency))
	case "persistence", "upload", "webhook", "privacy":
		_, port, _ := net.SplitHostPort(line("postgres", c.database.ln.Addr().String()))
		args = append(args, "--database",
			fmt.Sprintf("host=127.0.0.1 port=%s user=%s password=role-of-%s dbname=rollcall sslmode=disable", port,
				postgres.Role(service), service))
		switch service {
		case "upload":
			args = append(args, "--user-uploads", "100000", "--user-jobs", "100000", "--webhook-private")
		case "persistence":
			args = append(args, fmt.Sprintf("--approve-above=%d", approveAbove))
		case "webhook":
			args = append(args, "--webhook-private")
		case "privacy":
			args = append(args, "--keep-uploads", c.keep.String())
		}
	case "gateway":
		args = append(args, "--user-connections", "100000")
	}
	return args
}

// natsConf writes the shipped nats.conf with other ports and returns its path.
func (c *cluster) natsConf() string {
	text := strings.NewReplacer(`"127.0.0.1:4222"`, `"`+c.nats+`"`, `"127.0.0.1:8222"`,
		`"`+freeAddr(c.t)+`"`).Replace(string(embedded.Conf))
	file := filepath.Join(c.t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return file
}

func (c *cluster) migrate() {
	c.t.Helper()
	eventstest.WaitFor(c.t, time.Minute, "NATS", func() bool {
		conn, err := net.Dial("tcp", c.nats)
		return err == nil && conn.Close() == nil
	})
	c.runCommand("migrate", "--nats", "nats://"+c.nats, "--database", c.database.server.URL())
}

// runCommand runs a command of rollcall and returns its output.
func (c *cluster) runCommand(args ...string) string {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), c.program, args...)
	cmd.Env = append(os.Environ(), c.env...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = append(out, exit.Stderr...)
		}
		c.t.Fatalf("rollcall %s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

// connect connects to NATS without a link.
func (c *cluster) connect(user string) jetstream.JetStream {
	c.t.Helper()
	js, err := events.Connect(events.Connection{URL: "nats://" + c.nats, User: user, Password: "password-of-" + user})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(js.Conn().Close)
	return js
}

// newUser returns a user with a token and clients of all replicas.
func (c *cluster) newUser(name string) *user {
	c.t.Helper()
	u := &user{token: strings.TrimSpace(c.runCommand(
		"token", "--user", name, "--role", "national_admin", "--secret", secret, "--ttl", "4h"))}
	newClient := func(server string, via http.RoundTripper) *client.Client {
		cl, err := client.New(client.Config{
			URL: server, Token: u.token, HTTPClient: &http.Client{Timeout: requestTimeout, Transport: via},
			Attempts: -1, Backoff: func(int) time.Duration { return retryDelay },
		})
		if err != nil {
			c.t.Fatal(err)
		}
		return cl
	}
	all := &rotatingTransport{failed: &u.retriedParts}
	for i := range replicas {
		server := c.processes[fmt.Sprintf("upload-%d", i+1)].addr
		addr, err := url.Parse(server)
		if err != nil {
			c.t.Fatal(err)
		}
		all.replicas = append(all.replicas, addr)
		u.servers = append(u.servers, server)
		u.uploads = append(u.uploads, newClient(server, nil))
		u.gateways = append(u.gateways, c.processes[fmt.Sprintf("gateway-%d", i+1)].addr)
	}
	u.all = newClient(u.servers[0], all)
	return u
}
