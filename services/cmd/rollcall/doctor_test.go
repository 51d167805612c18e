package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/iec/sim"
	"rollcall.example/services/postgres"
)

// patient is all that rollcall needs, in good health.
type patient struct {
	t        *testing.T
	nats     *embedded.Server
	database string
	env      map[string]string
	args     []string
}

// natsWith starts and provisions a server; change alters its nats.conf.
func natsWith(t *testing.T, change ...string) *embedded.Server {
	t.Helper()
	conf := strings.NewReplacer(change...).Replace(string(embedded.Conf))
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Conf: []byte(conf)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	if err := events.Provision(t.Context(), eventstest.Connect(t, srv, "provisioner"), events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	return srv
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	handler, err := sim.New(sim.Config{Username: "us", Password: "secret of the IEC"})
	if err != nil {
		t.Fatal(err)
	}
	iec := httptest.NewServer(handler)
	t.Cleanup(iec.Close)
	p := &patient{t: t, nats: natsWith(t), database: privateDatabase(t), env: map[string]string{}}
	db, err := postgres.Open(t.Context(), p.database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := postgres.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	passwords := map[string]string{}
	for _, service := range postgres.RoleServices() {
		passwords[service] = "role-of-" + service
	}
	if _, err := postgres.Grant(t.Context(), db, passwords); err != nil {
		t.Fatal(err)
	}
	p.passwords(p.nats)
	p.env["ROLLCALL_IEC_USERNAME"], p.env["ROLLCALL_IEC_PASSWORD"], p.env["ROLLCALL_IEC_CACHE_KEY"] = "us", "secret of the IEC", "k"
	p.args = []string{"--nats", p.nats.URL(), "--database", p.database, "--iec-url", iec.URL, "--jwt-secret", strings.Repeat("s", 32), "--data", t.TempDir()}
	return p
}

func (p *patient) passwords(srv *embedded.Server) {
	for _, user := range embedded.Users {
		p.env[embedded.PasswordVariable(user)] = srv.Password(user)
	}
}

// examined are the doctor's findings, by name, with the flags given after the
// patient's own.
func (p *patient) examined(args ...string) map[string]finding {
	p.t.Helper()
	var out bytes.Buffer
	err := run(p.t.Context(), slices.Concat([]string{"doctor", "--json"}, p.args, args), &out, &out, func(name string) string { return p.env[name] })
	var answer struct {
		Healthy  bool
		Findings []finding
	}
	if jerr := json.Unmarshal(out.Bytes(), &answer); jerr != nil {
		p.t.Fatalf("%v\n%s", jerr, out.String())
	}
	if answer.Healthy != (err == nil) {
		p.t.Errorf("healthy: %v, but the error is %v", answer.Healthy, err)
	}
	for _, secret := range p.env {
		if len(secret) > 2 && strings.Contains(out.String(), secret) {
			p.t.Errorf("a secret is shown:\n%s", out.String())
		}
	}
	return byName(p.t, answer.Findings)
}

func byName(t *testing.T, list []finding) map[string]finding {
	t.Helper()
	found := map[string]finding{}
	for _, f := range list {
		if _, twice := found[f.Name]; twice {
			t.Errorf("%s was looked at twice", f.Name)
		}
		found[f.Name] = f
	}
	return found
}

// want holds that exactly the named things are broken, and that it is said how,
// and what to do. Names and words are given in pairs.
func (p *patient) want(found map[string]finding, pairs ...string) {
	p.t.Helper()
	words := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		words[pairs[i]] = pairs[i+1]
		if f := found[pairs[i]]; f.State != broken || !strings.Contains(f.Found, pairs[i+1]) || f.Mend == "" {
			p.t.Errorf("%s: %+v, want %q", pairs[i], f, pairs[i+1])
		}
	}
	for name, f := range found {
		if _, expected := words[name]; !expected && f.State != fine && f.State != skipped {
			p.t.Errorf("%s is %s: %s", name, f.State, f.Found)
		}
	}
}

func TestDoctor(t *testing.T) {
	p := newPatient(t)
	found := p.examined()
	p.want(found)
	// Nine users with permissions each, sixteen things that are stored, and the rest.
	if len(found) < 40 {
		t.Errorf("only %d things were looked at", len(found))
	}
	for name, f := range found {
		if f.State != fine {
			t.Errorf("%s is %s: %s", name, f.State, f.Found)
		}
	}

	t.Run("nothing given", func(t *testing.T) {
		out, err := ask(t, "doctor", "--data", t.TempDir())
		if err != nil || !strings.Contains(out, "skipped  nats: give --nats to look at it\n") || !strings.Contains(out, " 0 broken") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("configuration", func(t *testing.T) {
		p := *p
		p.t, p.env = t, map[string]string{}
		p.passwords(p.nats)
		delete(p.env, embedded.PasswordVariable("iec"))
		found := p.examined("--jwt-jwks-file", filepath.Join(t.TempDir(), "none"))
		p.want(found, "keys of tokens", "only one of", "credentials of the IEC", "ROLLCALL_IEC_USERNAME, ROLLCALL_IEC_PASSWORD",
			"key of the IEC's answers", "ROLLCALL_IEC_CACHE_KEY", "passwords of NATS", "ROLLCALL_NATS_PASSWORD_IEC",
			"nats as iec", "uthoriz", "sign-in at the IEC", "refused")
	})
	t.Run("a short secret", func(t *testing.T) {
		if f := p.examined("--jwt-secret", "short")["keys of tokens"]; f.State != warning || f.Mend == "" {
			t.Errorf("%+v", f)
		}
	})
	t.Run("nobody answers", func(t *testing.T) {
		nowhere := freeAddr(t)
		found := p.examined("--nats", "nats://"+nowhere, "--database", "postgres://u:p@"+nowhere+"/d?sslmode=disable", "--iec-url", "http://"+nowhere)
		q := *p
		q.t = t
		q.want(found, "nats", "no servers", "database", "refused", "sign-in at the IEC", "refused")
	})
	t.Run("streams", func(t *testing.T) {
		js := eventstest.Connect(t, p.nats, "provisioner")
		stream, err := js.Stream(t.Context(), events.StreamFacts)
		if err != nil {
			t.Fatal(err)
		}
		config := stream.CachedInfo().Config
		config.Duplicates = time.Minute
		if _, err := js.UpdateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		if err := js.DeleteConsumer(t.Context(), events.StreamFacts, "iec"); err != nil {
			t.Fatal(err)
		}
		if err := js.DeleteObjectStore(t.Context(), events.BucketReports); err != nil {
			t.Fatal(err)
		}
		q := *p
		q.t = t
		q.want(p.examined(), "stream BULK", "duplicate_window is 1m0s, should be 1h0m0s", "consumer iec", "not there", "bucket REPORTS", "not there")
		found := p.examined("--replicas", "3")
		if f := found["stream BULK_PROGRESS"]; f.Found != "num_replicas is 1, should be 3" || !strings.HasSuffix(f.Mend, "--replicas 3") {
			t.Errorf("%+v", f)
		}
		// It says what mends it, and that does.
		if err := events.Provision(t.Context(), js, events.ProvisionConfig{}); err != nil {
			t.Fatal(err)
		}
		q.want(p.examined())
	})
	t.Run("tables", func(t *testing.T) {
		db, err := postgres.Open(t.Context(), p.database)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		q := *p
		q.t = t
		if _, err := db.Exec(`REVOKE SELECT ON jobs FROM rollcall_upload; GRANT DELETE ON members TO rollcall_webhook`); err != nil {
			t.Fatal(err)
		}
		q.want(p.examined(), "rights of rollcall_upload", "lacks SELECT on jobs", "rights of rollcall_webhook", "has DELETE on members")
		if _, err := postgres.Grant(t.Context(), db, nil); err != nil {
			t.Fatal(err)
		}
		q.want(p.examined())
		if _, err := db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`); err != nil {
			t.Fatal(err)
		}
		q.want(p.examined(), "tables", "of version 99999, this rollcall knows ")
		if _, err := db.Exec(`DELETE FROM goose_db_version WHERE version_id > 1`); err != nil {
			t.Fatal(err)
		}
		q.want(p.examined(), "tables", "of version 1, this rollcall needs ")
	})
}

// Beside a running up it needs no flag but its data folder.
func TestDoctorOfUp(t *testing.T) {
	dir := t.TempDir()
	startUp(t, dir)
	out := mustAsk(t, "doctor", "--data", dir)
	for _, line := range []string{"ok       nats as operator", "ok       permissions of operator", "ok       stream BULK", "ok       consumer projection", "ok       clock of nats", " 0 broken"} {
		if !strings.Contains(out, line+"\n") && !strings.Contains(out, line+",") {
			t.Errorf("no line %q in\n%s", line, out)
		}
	}
}

// A server whose nats.conf was altered, or that has none.
func TestDoctorTriesPermissions(t *testing.T) {
	p := &patient{t: t, env: map[string]string{}}
	// The gateway may store facts, and validation may not.
	reads := `"$JS.API.DIRECT.GET.BULK", "$JS.API.DIRECT.GET.BULK_PROGRESS",`
	srv := natsWith(t, reads, reads+` "bulk.>",`,
		`"bulk.*.validated", "bulk.*.failed"`, `"bulk.*.failed"`)
	p.passwords(srv)
	p.args = []string{"--nats", srv.URL(), "--data", t.TempDir()}
	p.want(p.examined(), "permissions of gateway", "may publish to bulk.doctor.cancelled, may publish to bulk.doctor.erased, may publish to bulk.doctor.failed",
		"permissions of validation", "may not publish to bulk.doctor.validated")
	// And nothing that was tried was stored.
	js := eventstest.Connect(t, srv, "operator")
	for _, name := range []string{events.StreamFacts, events.StreamProgress, "OBJ_UPLOADS", "OBJ_ROWS", "KV_IEC_QUOTA", "KV_IEC_CLAIMS"} {
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if state := s.CachedInfo().State; state.LastSeq != 0 {
			t.Errorf("%s holds what the doctor tried", name)
		}
	}

	// A server with the users and passwords, and without permissions.
	conf := "jetstream { store_dir: $ROLLCALL_NATS_STORE }\naccounts { ALL { jetstream: enabled, users: ["
	for _, user := range embedded.Users {
		conf += "{ user: " + user + ", password: $" + embedded.PasswordVariable(user) + " }, "
	}
	open, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Conf: []byte(conf + "] } }")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(open.Stop)
	p.passwords(open)
	p.args = []string{"--nats", open.URL(), "--data", t.TempDir()}
	if f := p.examined()["permissions of upload"]; f.State != broken || !strings.Contains(f.Found, "does not run with rollcall's nats.conf") {
		t.Errorf("%+v", f)
	}
}

func TestDoctorLooksAtClocksAndDisks(t *testing.T) {
	p := newPatient(t)
	data := t.TempDir()
	cmd := &doctorCmd{Data: data}
	cmd.NATS.URL, cmd.Database.URL, cmd.Provision.Replicas = p.nats.URL(), p.database, 1
	cmd.IEC.URL, cmd.IEC.Timeout = p.args[slices.Index(p.args, "--iec-url")+1], 10*time.Second
	env := &process{getenv: func(name string) string { return p.env[name] }, log: slog.New(slog.DiscardHandler)}
	for _, late := range []time.Duration{-time.Hour, time.Minute} {
		d := &doctor{doctorCmd: cmd, p: env, now: func() time.Time { return time.Now().Add(late) }, free: func(string) (uint64, error) { return leastFree, nil }}
		d.examine(t.Context())
		words := (-late).String()
		if late == time.Minute {
			words = "-1m0s"
		}
		p.want(byName(t, d.findings), "clock of nats", words, "clock of the database", words, "clock of the IEC", "")
	}
	d := &doctor{doctorCmd: cmd, p: env, now: time.Now, free: func(dir string) (uint64, error) {
		if dir == data {
			return 7 << 20, nil
		}
		return 0, os.ErrPermission
	}}
	d.examine(t.Context())
	p.want(byName(t, d.findings), "disk of "+data, "7 MB are left", "disk of "+os.TempDir(), "permission denied")

	// JetStream has hardly any room left.
	srv := natsWith(t, `max_mem: 128MB, max_file: 200GB`, `max_mem: 128MB, max_file: 1MB`)
	js := eventstest.Connect(t, srv, "upload")
	if _, err := events.NewStore(js).Put(t.Context(), events.BucketUploads, "x", bytes.NewReader(make([]byte, 950<<10))); err != nil {
		t.Fatal(err)
	}
	q := &patient{t: t, env: map[string]string{}, args: []string{"--nats", srv.URL(), "--data", t.TempDir()}}
	q.passwords(srv)
	q.want(q.examined(), "disk of nats", " of 1 MB are used")
}
