package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/app"
	"rollcall.example/services/postgres"
)

// Every service as a process with its own NATS user and database role gives the same report
// as all in one process.
func TestSeparateProcesses(t *testing.T) {
	t.Parallel()
	env := []string{"ROLLCALL_IEC_CACHE_KEY=k", "ROLLCALL_PRIVACY_KEY=a key of at least thirty-two bytes",
		"ROLLCALL_JWT_SECRET=" + secret, "ROLLCALL_IEC_USERNAME=u", "ROLLCALL_IEC_PASSWORD=p",
		"ROLLCALL_NATS_STORE=" + t.TempDir(), embedded.StoreKeyVariable + "=a-key-of-at-least-thirty-two-bytes"}
	for _, user := range embedded.Users {
		env = append(env, embedded.PasswordVariable(user)+"=password-of-"+user)
	}
	addr := freeAddr(t)
	conf, err := os.ReadFile("../../../nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	// Only the fixed ports are replaced.
	text := strings.NewReplacer(`"127.0.0.1:4222"`, `"`+addr+`"`, `"127.0.0.1:8222"`,
		`"`+freeAddr(t)+`"`).Replace(string(conf))
	confFile := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(confFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := spawn(t, env, build(t, "github.com/nats-io/nats-server/v2"), "-c", confFile)
	server.wait("NATS", func() bool { return strings.Contains(server.err.String(), "Server is ready") })
	natsURL := "nats://" + addr

	database := privateDatabase(t)
	as := func(service string) string {
		return regexp.MustCompile(`user=\S+ password=\S+`).ReplaceAllString(database,
			"user="+postgres.Role(service)+" password=role-of-"+service)
	}
	for _, service := range postgres.RoleServices() {
		env = append(env, app.DatabasePasswordVariable(service)+"=role-of-"+service)
	}

	migrate := rollcall(t, env, "migrate", "--nats", natsURL, "--database", database)
	<-migrate.done
	if migrate.exit != nil {
		t.Fatalf("migrate: %v\n%s", migrate.exit, migrate.err)
	}
	sim := rollcall(t, env, "iec-sim", "--addr", "127.0.0.1:0")
	simURL := sim.url()
	spans, collectorURL := startCollector(t)
	traced := slices.Concat(env, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + collectorURL, "OTEL_BSP_SCHEDULE_DELAY=100"})
	serve := func(service string, args ...string) *program {
		p := rollcall(t, traced, append([]string{"serve", service, "--nats", natsURL, "--addr", "127.0.0.1:0"}, args...)...)
		p.waitHealthy()
		return p
	}
	serve("validation")
	serve("iec", "--iec-url", simURL)
	serve("persistence", "--database", as("persistence"))
	serve("report")
	upload := serve("upload", "--database", as("upload"))
	gateway := serve("gateway")
	serve("webhook", "--database", as("webhook"))

	alice := token(t, "alice", "member")
	jobID, shown := uploadAndWatch(t, upload.url(), gateway.url(), alice)
	if !strings.Contains(shown, "100%  completed") {
		t.Fatalf("shown:\n%s", shown)
	}
	spans.waitOneTrace(t, jobID, "rollcall-upload", "rollcall-validation", "rollcall-iec", "rollcall-persistence",
		"rollcall-report")
	doctor := rollcall(t, env, "doctor", "--nats", natsURL, "--database", database, "--iec-url", simURL)
	<-doctor.done
	if doctor.exit != nil || !strings.Contains(doctor.out.String(), " 0 broken") {
		t.Errorf("doctor: %v\n%s", doctor.exit, doctor.out)
	}
	apart := filepath.Join(t.TempDir(), "apart.xlsx")
	mustRun(t, "report", jobID, "-o", apart, "--server", upload.url(), "--token", alice)

	up := startUp(t, t.TempDir())
	otherID, _ := uploadAndWatch(t, up.url(), up.url(), alice)
	together := filepath.Join(t.TempDir(), "together.xlsx")
	mustRun(t, "report", otherID, "-o", together, "--server", up.url(), "--token", alice)
	compareReports(t, apart, together)

	js, err := events.Connect(events.Connection{URL: natsURL, User: "operator", Password: "password-of-operator"})
	if err != nil {
		t.Fatal(err)
	}
	defer js.Conn().Close()
	eventstest.CheckSchemas(t, js)
	waitConsumersSettled(t, js)
}

// waitConsumersSettled waits until no consumer has a message left.
func waitConsumersSettled(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	for _, stage := range events.Stages {
		eventstest.Wait(t, string(stage)+" to be settled", func() bool {
			c, err := js.Consumer(t.Context(), events.StreamFacts, string(stage))
			return err == nil && c.CachedInfo().NumAckPending == 0 && c.CachedInfo().NumPending == 0
		})
	}
}

// compareReports compares every cell, except those of the summary, which names the job and
// its times.
func compareReports(t *testing.T, a, b string) {
	t.Helper()
	read := func(file string) map[string][][]string {
		book, err := xlsx.OpenFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all, err := book.ToSlice()
		if err != nil {
			t.Fatal(err)
		}
		sheets := map[string][][]string{}
		for i, s := range book.Sheets {
			sheets[s.Name] = all[i]
		}
		return sheets
	}
	one, other := read(a), read(b)
	if len(one) < 12 || len(one) != len(other) {
		t.Fatalf("%d sheets and %d", len(one), len(other))
	}
	for name := range one {
		if name == "Summary" {
			continue
		}
		if len(one[name]) != len(other[name]) {
			t.Errorf("sheet %s has %d rows and %d", name, len(one[name]), len(other[name]))
			continue
		}
		for y, row := range one[name] {
			for x, cell := range row {
				// Only the times of the IEC's answers differ.
				if x < len(one[name][0]) && strings.Contains(one[name][0][x], "(SAST)") {
					continue
				}
				if y >= len(other[name]) || x >= len(other[name][y]) || cell != other[name][y][x] {
					t.Fatalf("sheet %s row %d column %d differs", name, y+1, x+1)
				}
			}
		}
	}
}
