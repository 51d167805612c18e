package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/client"
	"rollcall.example/services/postgres"
)

// host is a machine that processes of a site run on.
type host struct {
	ip  string   // "" is 127.0.0.1
	run []string // what a command begins with to run there; nil for this machine
	// dir is where its data lies; "" is a temporary folder.
	dir string
}

func (h host) argv(argv ...string) []string { return append(slices.Clone(h.run), argv...) }

// addr returns a free address of the host.
func (h host) addr(t *testing.T) string {
	t.Helper()
	_, port, _ := strings.Cut(freeAddr(t), ":")
	if h.ip == "" {
		return "127.0.0.1:" + port
	}
	return h.ip + ":" + port
}

// siteConfig says what a site is made of.
type siteConfig struct {
	nats     []host // one for each server
	database host
	apps     []host // each runs all services and the gateway
	iec      host
	// conf changes the shipped nats.conf; nil leaves it as it is.
	conf func(text string) string
	// env is added to the environment of all of them.
	env []string
	// envOf adds to the environment of a process; nil adds nothing.
	envOf func(name string) []string
	// args are added to those of the apps.
	args []string
	// metrics has all of them tell how many goroutines they have.
	metrics bool
	// programs is where the binaries are; "" builds them.
	programs string
	// dial reaches the hosts; nil is this machine's way.
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// forward returns an address of this machine that leads to one of a host; nil if any
	// is reached as it is.
	forward func(addr string) string
	// ackWait is how long a stage's message waits for a process that was killed.
	ackWait time.Duration
}

// site is an installation whose parts are processes: NATS servers, PostgreSQL, the
// simulator of the IEC, and all services.
type site struct {
	t       *testing.T
	cfg     siteConfig
	program string
	env     []string
	// How the apps reach NATS and PostgreSQL, and how the test does.
	natsURL, natsFromHere         string
	databaseURL, databaseFromHere string
	nats                          []*process
	database                      *process
	simulator                     *process
	apps                          []*process
}

// newSite starts everything.
func newSite(t *testing.T, cfg siteConfig) *site {
	t.Helper()
	s := prepareSite(t, cfg)
	s.startDatabase()
	s.startNATS()
	s.startApps()
	s.hasten()
	return s
}

// prepareSite starts nothing yet.
func prepareSite(t *testing.T, cfg siteConfig) *site {
	t.Helper()
	if cfg.programs == "" {
		cfg.programs = buildPrograms(t, "rollcall.example/services/cmd/rollcall", "github.com/nats-io/nats-server/v2")
	}
	// PostgreSQL, which does not run as root, has to reach its folder.
	if err := os.Chmod(filepath.Dir(t.TempDir()), 0o711); err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, cfg: cfg, program: filepath.Join(cfg.programs, "rollcall")}
	s.env = append([]string{"ROLLCALL_IEC_CACHE_KEY=k", "ROLLCALL_PRIVACY_KEY=a key of at least thirty-two bytes",
		"ROLLCALL_JWT_SECRET=" + secret, "ROLLCALL_IEC_USERNAME=u", "ROLLCALL_IEC_PASSWORD=p",
		embedded.StoreKeyVariable + "=a-key-of-at-least-thirty-two-bytes"}, cfg.env...)
	for _, user := range embedded.Users {
		s.env = append(s.env, embedded.PasswordVariable(user)+"=password-of-"+user)
	}
	return s
}

// startApps starts the services, and the simulator of the IEC.
func (s *site) startApps() {
	t, cfg := s.t, s.cfg
	t.Helper()
	simulator := cfg.iec.addr(t)
	s.simulator = s.run(&process{name: "iec-sim",
		argv: cfg.iec.argv(s.program, "iec-sim", "--addr", simulator, "--latency", "10ms")})
	for i, h := range cfg.apps {
		addr := h.addr(t)
		name := fmt.Sprintf("rollcall-%d", i+1)
		argv := h.argv(s.program, "up", "--addr", addr, "--log-level", "warn",
			"--data", h.folder(t, name), "--nats", s.natsURL, "--database", s.databaseURL,
			"--replicas", fmt.Sprint(len(cfg.nats)), "--iec-url", "http://"+simulator, "--iec-quota", "1000000",
			"--user-uploads", "100000", "--user-jobs", "100000", "--user-connections", "100000",
			"--user-downloads", "1000", "--max-downloads", "1000", "--jwt-max-lifetime", "0",
			"--approve-above", "20")
		argv = append(argv, cfg.args...)
		app := &process{name: name, argv: argv, addr: "http://" + addr, dial: cfg.dial}
		if cfg.metrics {
			at := h.addr(t)
			app.argv = append(app.argv, "--metrics-addr", at)
			app.goroutines = "http://" + at + "/metrics"
		}
		s.run(app)
		s.apps = append(s.apps, app)
		// One after the other: the first makes streams and tables.
		app.waitHealthy(t)
	}
}

func (h host) folder(t *testing.T, name string) string {
	t.Helper()
	if h.dir == "" {
		return t.TempDir()
	}
	dir := filepath.Join(h.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// run keeps a program running until the test ends.
func (s *site) run(p *process) *process {
	ctx, stop := context.WithCancel(context.Background())
	p.env = append(slices.Clone(s.env), p.env...)
	if s.cfg.envOf != nil && p.name != "postgres" {
		p.env = append(p.env, s.cfg.envOf(p.name)...)
	}
	var ended sync.WaitGroup
	s.t.Cleanup(func() {
		stop()
		ended.Wait()
		if idNumberPattern.MatchString(p.log.String()) {
			s.t.Errorf("an ID number in the log of %s", p.name)
		}
		if s.t.Failed() {
			text := p.log.String()
			s.t.Logf("%s, exited by itself %d times:\n%s", p.name, p.exits.Load(), text[max(len(text)-3000, 0):])
		}
	})
	ended.Go(func() {
		if err := p.run(ctx); err != nil {
			s.t.Errorf("%s: %v", p.name, err)
		}
	})
	return p
}

// startNATS starts the servers with the shipped nats.conf, as a cluster if there are several.
func (s *site) startNATS() {
	var clients, routes []string
	for _, h := range s.cfg.nats {
		clients, routes = append(clients, h.addr(s.t)), append(routes, h.addr(s.t))
	}
	s.natsURL = "nats://" + strings.Join(clients, ",nats://")
	here := slices.Clone(clients)
	for i, addr := range here {
		here[i] = s.fromHere(addr)
	}
	s.natsFromHere = "nats://" + strings.Join(here, ",nats://")
	for i, h := range s.cfg.nats {
		name := fmt.Sprintf("rollcall-%d", i+1)
		text := strings.NewReplacer(`"127.0.0.1:4222"`, `"`+clients[i]+`"`, `"127.0.0.1:8222"`, `"`+h.addr(s.t)+`"`,
			"server_name: rollcall-1", "server_name: "+name).Replace(string(eventstest.WithOwner(embedded.Conf)))
		if len(s.cfg.nats) > 1 {
			text += fmt.Sprintf("\ncluster { name: rollcall, listen: %q, no_advertise: true, routes: [nats://%s] }\n",
				routes[i], strings.Join(routes, ", nats://"))
		}
		profile := ""
		if s.cfg.metrics {
			at := h.addr(s.t)
			_, port, _ := strings.Cut(at, ":")
			text += "\nprof_port: " + port + "\n"
			profile = "http://" + at + "/debug/pprof/goroutine?debug=1"
		}
		if s.cfg.conf != nil {
			text = s.cfg.conf(text)
		}
		conf := filepath.Join(s.t.TempDir(), "nats.conf")
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
		s.nats = append(s.nats, s.run(&process{
			name: fmt.Sprintf("nats-%d", i+1), env: []string{"ROLLCALL_NATS_STORE=" + h.folder(s.t, "nats")},
			argv: h.argv(filepath.Join(s.cfg.programs, "nats-server"), "-c", conf), goroutines: profile,
		}))
	}
	for _, addr := range clients {
		eventstest.WaitFor(s.t, 3*time.Minute, "NATS on "+addr, func() bool {
			conn, err := s.dial(s.t.Context(), "tcp", addr)
			return err == nil && conn.Close() == nil
		})
	}
}

// fromHere returns the address that leads to another one.
func (s *site) fromHere(addr string) string {
	if s.cfg.forward == nil {
		return addr
	}
	return s.cfg.forward(addr)
}

func (s *site) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if s.cfg.dial != nil {
		return s.cfg.dial(ctx, network, addr)
	}
	return (&net.Dialer{}).DialContext(ctx, network, addr)
}

// startDatabase makes a cluster and starts PostgreSQL on it as a process of its own, so
// that it can be killed while its disk does not answer.
func (s *site) startDatabase() {
	t := s.t
	dir := s.cfg.database.folder(t, "postgres")
	server, err := postgres.Start(t.Context(), postgres.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	url := server.URL()
	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	// The model needs the order of commits.
	_, err = db.ExecContext(t.Context(), "ALTER SYSTEM SET track_commit_timestamp = on")
	if err = errors.Join(err, db.Close(), server.Stop(t.Context())); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	access, err := os.OpenFile(filepath.Join(data, "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = access.WriteString("host all all samenet scram-sha-256\n")
		err = errors.Join(err, access.Sync(), access.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	addr := s.cfg.database.addr(t)
	host, port, _ := strings.Cut(addr, ":")
	password := ""
	for field := range strings.FieldsSeq(url) {
		if value, ok := strings.CutPrefix(field, "password="); ok {
			password = value
		}
	}
	urlOf := func(addr string) string {
		host, port, _ := strings.Cut(addr, ":")
		return fmt.Sprintf("host=%s port=%s user=rollcall password=%s dbname=rollcall sslmode=disable", host, port, password)
	}
	s.databaseURL, s.databaseFromHere = urlOf(addr), urlOf(s.fromHere(addr))
	argv := []string{postgresBinary(t), "-D", data, "-p", port, "-c", "listen_addresses=" + host,
		"-c", "unix_socket_directories=", "-c", "log_min_error_statement=panic", "-c", "log_error_verbosity=terse"}
	if s.cfg.envOf != nil {
		// Not before setpriv: what libfaketime makes as root, PostgreSQL could not open.
		argv = append(append([]string{"env"}, s.cfg.envOf("postgres")...), argv...)
	}
	if owner := ownerOf(t, data); owner.Uid != uint32(os.Geteuid()) {
		argv = append([]string{"setpriv", fmt.Sprintf("--reuid=%d", owner.Uid), fmt.Sprintf("--regid=%d", owner.Gid),
			"--clear-groups"}, argv...)
	}
	// With SIGTERM it would wait for its clients.
	s.database = s.run(&process{name: "postgres", env: []string{"LC_ALL=C", "TZ=UTC"},
		argv: s.cfg.database.argv(argv...), stop: syscall.SIGINT})
	eventstest.WaitFor(t, 3*time.Minute, "PostgreSQL", func() bool {
		conn, err := s.dial(t.Context(), "tcp", addr)
		return err == nil && conn.Close() == nil
	})
}

func postgresBinary(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/postgres", "/opt/homebrew/opt/postgresql*/bin/postgres",
		"/usr/local/opt/postgresql*/bin/postgres"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[len(found)-1]
		}
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func ownerOf(t *testing.T, path string) *syscall.Stat_t {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t)
}

// tryConnect connects to NATS as a user.
func (s *site) tryConnect(user string) (jetstream.JetStream, error) {
	return events.Connect(events.Connection{URL: s.natsFromHere, User: user, Password: "password-of-" + user})
}

func (s *site) connect(user string) jetstream.JetStream {
	s.t.Helper()
	js, err := s.tryConnect(user)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(js.Conn().Close)
	return js
}

// hasten makes what a killed process has left behind come again after ackWait: its
// messages, and the people that it was asking the IEC about. rollcall sets its own times
// again as it starts.
func (s *site) hasten() {
	if s.cfg.ackWait == 0 {
		return
	}
	ctx := s.t.Context()
	js := s.connect("provisioner")
	durables := []string{events.ConsumerProjection, events.ConsumerWebhook}
	for _, stage := range events.Stages {
		durables = append(durables, string(stage))
	}
	for _, durable := range durables {
		consumer, err := js.Consumer(ctx, events.StreamFacts, durable)
		if err != nil {
			s.t.Logf("consumer %s: %v", durable, err) // it has its own AckWait then
			continue
		}
		cfg := consumer.CachedInfo().Config
		cfg.AckWait = s.cfg.ackWait
		if _, err := js.UpdateConsumer(ctx, events.StreamFacts, cfg); err != nil {
			s.t.Logf("consumer %s: %v", durable, err)
		}
	}
	js.Conn().Close()
	conn, err := nats.Connect(s.natsFromHere, nats.UserInfo(eventstest.Owner, eventstest.Owner))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if js, err = jetstream.New(conn); err == nil {
		var claims jetstream.Stream
		if claims, err = js.Stream(ctx, events.StreamIEC); err == nil {
			err = claims.Purge(ctx, jetstream.WithPurgeSubject(events.SubjectClaims))
		}
	}
	if err != nil {
		s.t.Logf("claims: %v", err) // they end by themselves
	}
}

// waitHealthy waits until all apps are.
func (s *site) waitHealthy() {
	s.t.Helper()
	for _, app := range s.apps {
		app.waitHealthy(s.t)
	}
}

// newUser returns a user that uses the apps one after the other, and follows on the
// given one.
func (s *site) newUser(name string, apps ...*process) *user {
	s.t.Helper()
	// Good also by a clock that is off by a day.
	token, err := auth.Mint(secret, name, "national_admin", 4*24*time.Hour, time.Now().Add(-2*24*time.Hour))
	if err != nil {
		s.t.Fatal(err)
	}
	u := &user{token: token, via: &http.Transport{DialContext: s.dial}}
	s.t.Cleanup(u.via.(*http.Transport).CloseIdleConnections)
	for _, app := range apps {
		c, err := client.New(client.Config{URL: app.addr, Token: u.token, Attempts: -1,
			HTTPClient: &http.Client{Timeout: requestTimeout, Transport: u.via},
			Backoff:    func(int) time.Duration { return retryDelay }})
		if err != nil {
			s.t.Fatal(err)
		}
		u.servers, u.uploads, u.gateways = append(u.servers, app.addr), append(u.uploads, c), append(u.gateways, app.addr)
	}
	return u
}
