package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
)

// cluster is three NATS servers, each a process of its own, with
// services/deploy/nats/cluster.conf unchanged.
type cluster struct {
	t             *testing.T
	env           []string
	ca, cert, key string   // files
	clients       []string // addresses
	routes        []string
	stores        []string
	servers       []*program
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, env: []string{"ROLLCALL_IEC_CACHE_KEY=k",
		"ROLLCALL_PRIVACY_KEY=a key of at least thirty-two bytes", "ROLLCALL_JWT_SECRET=" + secret,
		"ROLLCALL_IEC_USERNAME=u", "ROLLCALL_IEC_PASSWORD=p"}}
	for _, user := range embedded.Users {
		c.env = append(c.env, embedded.PasswordVariable(user)+"=password-of-"+user)
	}
	ca := newAuthority(t)
	c.ca = ca.file
	c.cert, c.key = ca.issue("nats", 2)
	for range 3 {
		c.clients, c.routes, c.stores = append(c.clients, freeAddr(t)), append(c.routes,
			"nats://"+freeAddr(t)), append(c.stores, t.TempDir())
	}
	c.env = append(c.env, "ROLLCALL_NATS_ROUTES=["+strings.Join(c.routes, ", ")+"]",
		"ROLLCALL_NATS_TLS_CERT="+c.cert, "ROLLCALL_NATS_TLS_KEY="+c.key, "ROLLCALL_NATS_TLS_CA="+c.ca,
		"ROLLCALL_NATS_CA="+c.ca, "ROLLCALL_NATS_CERT="+c.cert, "ROLLCALL_NATS_KEY="+c.key)
	c.servers = make([]*program, 3)
	for i := range c.servers {
		c.start(i)
	}
	for i, s := range c.servers {
		s.wait(fmt.Sprintf("NATS server %d", i+1), func() bool { return strings.Contains(s.err.String(), "Server is ready") })
	}
	return c
}

// start starts a server on its own store.
func (c *cluster) start(i int) {
	host, port, _ := strings.Cut(c.clients[i], ":")
	_, monitor, _ := strings.Cut(freeAddr(c.t), ":")
	env := append(slices.Clone(c.env), "ROLLCALL_NATS_STORE="+c.stores[i],
		embedded.StoreKeyVariable+"=a-key-of-at-least-thirty-two-bytes",
		fmt.Sprintf("ROLLCALL_NATS_NAME=rollcall-%d", i+1))
	// Only the ports are others: three servers of one machine cannot share them.
	c.servers[i] = spawn(c.t, env, build(c.t, "github.com/nats-io/nats-server/v2"),
		"-c", "../../deploy/nats/cluster.conf", "-a", host, "-p", port, "-m", monitor, "--cluster", c.routes[i])
}

func (c *cluster) url() string { return "nats://" + strings.Join(c.clients, ",nats://") }

func (c *cluster) connect(user string) jetstream.JetStream {
	c.t.Helper()
	js, err := events.Connect(events.Connection{URL: c.url(), User: user, Password: "password-of-" + user, CA: c.ca,
		Cert: c.cert, Key: c.key})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(js.Conn().Close)
	return js
}

// leader returns the number of the server that leads the stream of facts.
func (c *cluster) leader(js jetstream.JetStream) (leader int) {
	c.t.Helper()
	waitLong(c.t, "a leader", func() bool {
		s, err := js.Stream(c.t.Context(), events.StreamFacts)
		if err != nil || s.CachedInfo().Cluster == nil {
			return false
		}
		n, err := fmt.Sscanf(s.CachedInfo().Cluster.Leader, "rollcall-%d", &leader)
		return n == 1 && err == nil
	})
	return leader - 1
}

// migrate provisions the servers with a number of replicas.
func (c *cluster) migrate(replicas string, more ...string) {
	c.t.Helper()
	var p *program
	// The first try may come before the servers have found each other.
	for range 20 {
		p = rollcall(c.t, c.env, append([]string{"migrate", "--nats", c.url(), "--replicas", replicas}, more...)...)
		<-p.done
		if p.exit == nil {
			return
		}
	}
	c.t.Fatalf("migrate: %v\n%s", p.exit, p.err)
}

// waitReplicated waits until as many servers keep every stream, bucket and consumer.
func (c *cluster) waitReplicated(js jetstream.JetStream, servers int) {
	c.t.Helper()
	var found []string
	waitLong(c.t, fmt.Sprintf("all to be kept by %d servers", servers), func() bool {
		found = nil
		good, consumers := true, 0
		note := func(what string, configured int, info *jetstream.ClusterInfo) {
			found = append(found, what)
			// A consumer with 0 has as many as its stream.
			good = good && (configured == servers || configured == 0 && strings.HasPrefix(what, "consumer")) && info != nil &&
				len(info.Replicas) == servers-1
		}
		streams := js.ListStreams(c.t.Context())
		for info := range streams.Info() {
			note("stream "+info.Config.Name, info.Config.Replicas, info.Cluster)
		}
		facts, err := js.Stream(c.t.Context(), events.StreamFacts)
		if err != nil || streams.Err() != nil {
			return false // no leader at the moment
		}
		list := facts.ListConsumers(c.t.Context())
		for info := range list.Info() {
			consumers++
			note("consumer "+info.Name, info.Config.Replicas, info.Cluster)
		}
		return good && list.Err() == nil && len(found)-consumers >= 10 && consumers >= 6
	})
}

// A later migration raises the number of servers that keep everything.
func TestMigrateRaisesReplicas(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	c.migrate("1")
	js := c.connect("provisioner")
	c.waitReplicated(js, 1)
	c.migrate("3")
	c.waitReplicated(js, 3)
}

// With three NATS servers and two processes of each service, the leader is killed while
// jobs run, then each part is replaced in turn. No job fails, and each ends once.
func TestClusterOutlivesItsLeaderAndARollingRestart(t *testing.T) {
	t.Parallel() // it waits, more than it works
	c := startCluster(t)
	database := privateDatabase(t)
	c.migrate("3", "--database", database)
	sim := rollcall(t, c.env, "iec-sim", "--addr", "127.0.0.1:0", "--latency", "60ms", "--jitter", "40ms")
	args := map[string][]string{
		"validation": nil, "iec": {"--iec-url", sim.url()}, "persistence": {"--database", database}, "report": nil,
		"upload": {"--database", database}, "gateway": nil,
	}
	serve := func(service string) *program {
		return rollcall(t, c.env, append([]string{"serve", service, "--nats", c.url(), "--addr", "127.0.0.1:0",
			"--log-level", "warn"}, args[service]...)...)
	}
	services := []string{"validation", "iec", "persistence", "report", "upload", "gateway"}
	running := map[string][]*program{}
	for _, name := range services {
		running[name] = []*program{serve(name), serve(name)}
	}
	for _, list := range running {
		for _, p := range list {
			p.waitHealthy()
		}
	}

	js := c.connect("provisioner")
	c.waitReplicated(js, 3)
	log := events.NewLog(c.connect("operator"), "", nil)
	alice := token(t, "alice", "member")
	file := sampleFile(t)
	var jobs []string
	upload := func(server *program) {
		t.Helper()
		out := mustRun(t, "upload", file, "--server", server.url(), "--token", alice)
		jobs = append(jobs, jobIDs.FindString(out))
	}
	atWork := func(what string) {
		t.Helper()
		waitLong(t, what, func() bool {
			p, ok, err := log.Progress(t.Context(), jobs[len(jobs)-1])
			return err == nil && ok && p.Step == events.IECVerification && p.Processed > 0 || jobEnded(t, log, jobs[len(jobs)-1])
		})
	}
	var watchers sync.WaitGroup
	watch := func(id string, gateway *program) {
		watchers.Go(func() {
			out, err := runCommand(t, "watch", id, "--server", gateway.url(), "--token", alice)
			if err != nil || !strings.Contains(out, "completed") {
				t.Errorf("watching %s: %v\n%s", id, err, out)
			}
		})
	}

	upload(running["upload"][0])
	watch(jobs[0], running["gateway"][1])
	atWork("the first job to be at the IEC")
	down := c.leader(js)
	c.servers[down].stop(syscall.SIGKILL)
	upload(running["upload"][1])
	c.start(down)

	// Replace every part once, while jobs run.
	for _, name := range services {
		for i := range 2 {
			upload(running["upload"][1-i%2])
			old := running[name][i]
			running[name][i] = serve(name)
			running[name][i].waitHealthy()
			if name == "gateway" && i == 1 {
				watchers.Wait() // its client would have to be told of another address
			}
			old.stop(syscall.SIGTERM)
			if old.exit != nil {
				t.Errorf("%s after SIGTERM: %v\n%s", name, old.exit, old.err)
			}
		}
	}
	for i := range c.servers {
		upload(running["upload"][i%2])
		c.servers[i].stop(syscall.SIGTERM)
		c.start(i)
		s := c.servers[i]
		s.wait("NATS again", func() bool { return strings.Contains(s.err.String(), "Server is ready") })
	}
	watchers.Wait()

	for _, id := range jobs {
		// A follower may answer before it has the newest fact.
		var list []events.Event
		waitLong(t, "the end of "+id, func() bool {
			var err error
			list, err = log.Replay(t.Context(), id, 0)
			return err == nil && len(list) > 0 && list[len(list)-1].Kind.Terminal()
		})
		ends := 0
		for _, e := range list {
			if e.Kind.Terminal() {
				ends++
			}
		}
		if last := list[len(list)-1]; ends != 1 || last.Kind != events.KindReported {
			t.Errorf("job %s has %d ends, the last event is %s", id, ends, last.Kind)
		}
		checkGuards(t, c.connect("operator"), id)
	}
	eventstest.CheckSchemas(t, c.connect("operator"))

	// Stop all at once while the servers still run: else each would try to reconnect first.
	var stopping sync.WaitGroup
	for name, list := range running {
		for _, p := range list {
			stopping.Go(func() {
				if p.stop(syscall.SIGTERM); p.exit != nil {
					t.Errorf("%s at the end: %v\n%s", name, p.exit, p.err)
				}
			})
		}
	}
	stopping.Wait()
}

// waitLong waits for something that may take as long as AckWait, after which a message that
// was being worked on when its server died is delivered again.
func waitLong(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !cond(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func jobEnded(t *testing.T, log *events.Log, id string) bool {
	job, err := log.Load(t.Context(), id)
	return err == nil && job.Ended()
}
