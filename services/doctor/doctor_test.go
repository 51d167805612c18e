package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/iec"
	"rollcall.example/services/iec/sim"
	"rollcall.example/services/postgres"
	"rollcall.example/services/postgres/postgrestest"
)

// patient is all that rollcall needs, in good health.
type patient struct {
	t    *testing.T
	nats *embedded.Server
	env  map[string]string
	cfg  Config
}

// natsWith starts and provisions a server; change alters its nats.conf.
func natsWith(t *testing.T, change ...string) *embedded.Server {
	t.Helper()
	conf := strings.NewReplacer(change...).Replace(string(embedded.Conf))
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Conf: eventstest.WithOwner([]byte(conf))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	if err := events.Provision(t.Context(), eventstest.Connect(t, srv, "provisioner"),
		events.ProvisionConfig{}); err != nil {
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
	simulator := httptest.NewServer(handler)
	t.Cleanup(simulator.Close)
	p := &patient{t: t, nats: natsWith(t), env: map[string]string{
		"ROLLCALL_IEC_USERNAME": "us", "ROLLCALL_IEC_PASSWORD": "secret of the IEC", "ROLLCALL_IEC_CACHE_KEY": "k",
		"ROLLCALL_PRIVACY_KEY": "a key of at least thirty-two bytes",
	}}
	p.passwords(p.nats)
	p.cfg = Config{
		Data:     t.TempDir(),
		Tokens:   Tokens{Check: func(context.Context) error { return nil }},
		NATS:     events.Connection{URL: p.nats.URL()},
		Database: postgrestest.URL(t),
		IEC:      IEC{URL: simulator.URL, SignIn: p.signIn(simulator.URL)},
		Mail:     func(context.Context) error { return nil },
	}
	db, err := postgres.Open(t.Context(), p.cfg.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	passwords := map[string]string{}
	for _, service := range postgres.RoleServices() {
		passwords[service] = "role-of-" + service
	}
	if _, err := postgres.Grant(t.Context(), db, passwords); err != nil {
		t.Fatal(err)
	}
	return p
}

// signIn signs in at an IEC with what the environment has.
func (p *patient) signIn(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		client, err := iec.NewClient(iec.ClientConfig{BaseURL: url, Timeout: 10 * time.Second,
			Username: p.env["ROLLCALL_IEC_USERNAME"], Password: p.env["ROLLCALL_IEC_PASSWORD"]})
		if err != nil {
			return &AddressError{err}
		}
		defer client.Close()
		if err = client.SignIn(ctx); errors.Is(err, iec.ErrCredentials) {
			return &CredentialsError{err}
		}
		return err
	}
}

func (p *patient) passwords(srv *embedded.Server) {
	for _, user := range embedded.Users {
		p.env[embedded.PasswordVariable(user)] = srv.Password(user)
	}
}

// with is the patient in another test, with other settings.
func (p *patient) with(t *testing.T, change func(*Config)) *patient {
	q := *p
	q.t, q.env = t, maps.Clone(p.env)
	change(&q.cfg)
	return &q
}

// examined are the doctor's findings, by name.
func (p *patient) examined() map[string]Finding {
	p.t.Helper()
	cfg := p.cfg
	cfg.Getenv = func(name string) string { return p.env[name] }
	list := Examine(p.t.Context(), cfg)
	for _, secret := range p.env {
		if text := fmt.Sprint(list); len(secret) > 2 && strings.Contains(text, secret) {
			p.t.Errorf("a secret is shown:\n%s", text)
		}
	}
	return byName(p.t, list)
}

func byName(t *testing.T, list Findings) map[string]Finding {
	t.Helper()
	found := map[string]Finding{}
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
func (p *patient) want(found map[string]Finding, pairs ...string) {
	p.t.Helper()
	words := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		words[pairs[i]] = pairs[i+1]
		if f := found[pairs[i]]; f.State != Broken || !strings.Contains(f.Found, pairs[i+1]) || f.Mend == "" {
			p.t.Errorf("%s: %+v, want %q", pairs[i], f, pairs[i+1])
		}
	}
	for name, f := range found {
		if _, expected := words[name]; !expected && f.State != Fine && f.State != Skipped {
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
		if f.State != Fine {
			t.Errorf("%s is %s: %s", name, f.State, f.Found)
		}
	}

	same := func(*Config) {}
	t.Run("nothing given", func(t *testing.T) {
		found := byName(t, Examine(t.Context(), Config{Getenv: func(string) string { return "" }, Data: t.TempDir()}))
		for _, name := range []string{"keys of tokens", "nats", "database", "iec", "e-mail"} {
			if f := found[name]; f.State != Skipped || f.Found == "" {
				t.Errorf("%s: %+v", name, f)
			}
		}
	})
	t.Run("configuration", func(t *testing.T) {
		p := p.with(t, func(c *Config) {
			c.Tokens.Check = func(context.Context) error { return errors.New("there is no such file") }
		})
		p.env = map[string]string{}
		p.passwords(p.nats)
		delete(p.env, embedded.PasswordVariable("iec"))
		p.cfg.IEC.SignIn = p.signIn(p.cfg.IEC.URL)
		p.want(p.examined(), "keys of tokens", "no such file", "credentials of the IEC",
			"ROLLCALL_IEC_USERNAME, ROLLCALL_IEC_PASSWORD",
			"key of the IEC's answers", "ROLLCALL_IEC_CACHE_KEY",
			"key of the hashes of people", "ROLLCALL_PRIVACY_KEY", "passwords of NATS", "ROLLCALL_NATS_PASSWORD_IEC",
			"nats as iec", "uthoriz", "sign-in at the IEC", "refused")
	})
	t.Run("an address that is none", func(t *testing.T) {
		p := p.with(t, func(c *Config) { c.IEC.SignIn = p.signIn("ftp://iec") })
		p.want(p.examined(), "address of the IEC", "http")
	})
	t.Run("nobody answers", func(t *testing.T) {
		nowhere := freeAddr(t)
		p := p.with(t, func(c *Config) {
			c.NATS.URL, c.Database = "nats://"+nowhere, "postgres://u:p@"+nowhere+"/d?sslmode=disable"
			c.IEC.URL, c.IEC.SignIn = "http://"+nowhere, p.signIn("http://"+nowhere)
			c.Mail = func(context.Context) error { return errors.New("the SMTP server refused") }
		})
		p.want(p.examined(), "nats", "no servers", "database", "refused", "sign-in at the IEC", "refused",
			"e-mail", "refused")
	})
	t.Run("streams", func(t *testing.T) {
		js := eventstest.Connect(t, p.nats, eventstest.Owner)
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
		q := p.with(t, same)
		q.want(q.examined(), "stream BULK", "duplicate_window is 1m0s, should be 1h0m0s", "consumer iec", "not there",
			"bucket REPORTS", "not there")
		found := p.with(t, func(c *Config) { c.Provision.Replicas = 3 }).examined()
		if f := found["stream BULK_PROGRESS"]; f.Found != "num_replicas is 1, should be 3" ||
			!strings.HasSuffix(f.Mend, "--replicas 3") {
			t.Errorf("%+v", f)
		}
		// It says what mends it, and that does.
		if err := events.Provision(t.Context(), js, events.ProvisionConfig{}); err != nil {
			t.Fatal(err)
		}
		q.want(q.examined())
	})
	t.Run("tables", func(t *testing.T) {
		db, err := postgres.Open(t.Context(), p.cfg.Database)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		q := p.with(t, same)
		const spoil = `REVOKE SELECT ON jobs FROM rollcall_upload; GRANT DELETE ON members TO rollcall_webhook`
		if _, err := db.Exec(spoil); err != nil {
			t.Fatal(err)
		}
		q.want(q.examined(), "rights of rollcall_upload", "lacks SELECT on jobs", "rights of rollcall_webhook",
			"has DELETE on members")
		if _, err := postgres.Grant(t.Context(), db, nil); err != nil {
			t.Fatal(err)
		}
		q.want(q.examined())
		if _, err := db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`); err != nil {
			t.Fatal(err)
		}
		q.want(q.examined(), "tables", "of version 99999, this rollcall knows ")
		if _, err := db.Exec(`DELETE FROM goose_db_version WHERE version_id > 1`); err != nil {
			t.Fatal(err)
		}
		q.want(q.examined(), "tables", "of version 1, this rollcall needs ")
	})
}

// A server whose nats.conf was altered, or that has none.
func TestDoctorTriesPermissions(t *testing.T) {
	p := &patient{t: t, env: map[string]string{"ROLLCALL_PRIVACY_KEY": "a key of at least thirty-two bytes"}}
	// The gateway may store facts, and validation may not.
	reads := `"$JS.API.DIRECT.GET.BULK", "$JS.API.DIRECT.GET.BULK_PROGRESS",`
	srv := natsWith(t, reads, reads+` "bulk.>",`,
		`"bulk.*.validated", "bulk.*.failed"`, `"bulk.*.failed"`)
	p.passwords(srv)
	p.cfg = Config{NATS: events.Connection{URL: srv.URL()}, Data: t.TempDir()}
	p.want(p.examined(), "permissions of gateway",
		"may publish to bulk.doctor.approved, may publish to bulk.doctor.archived, may publish to bulk.doctor.cancelled",
		"permissions of validation", "may not publish to bulk.doctor.validated")
	// And nothing that was tried was stored.
	js := eventstest.Connect(t, srv, "operator")
	for _, name := range []string{events.StreamFacts, events.StreamProgress, "OBJ_UPLOADS", "OBJ_ROWS", "KV_IEC_QUOTA",
		events.StreamIEC} {
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if state := s.CachedInfo().State; state.LastSeq != 0 {
			t.Errorf("%s holds what the doctor tried", name)
		}
	}

	// A server with the users and passwords, and without permissions.
	conf := "jetstream { store_dir: $ROLLCALL_NATS_STORE, cipher: aes, key: $ROLLCALL_NATS_STORE_KEY }\n" +
		"accounts { ALL { jetstream: enabled, users: ["
	for _, user := range embedded.Users {
		conf += "{ user: " + user + ", password: $" + embedded.PasswordVariable(user) + " }, "
	}
	open, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Conf: []byte(conf + "] } }")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(open.Stop)
	p.passwords(open)
	p.cfg.NATS.URL = open.URL()
	if f := p.examined()["permissions of upload"]; f.State != Broken ||
		!strings.Contains(f.Found, "does not run with rollcall's nats.conf") {
		t.Errorf("%+v", f)
	}
}

func TestDoctorLooksAtClocksAndDisks(t *testing.T) {
	p := newPatient(t)
	for _, late := range []time.Duration{-time.Hour, time.Minute} {
		p := p.with(t, func(c *Config) {
			c.Now = func() time.Time { return time.Now().Add(late) }
			c.Free = func(string) (uint64, error) { return leastFree, nil }
		})
		words := (-late).String()
		p.want(p.examined(), "clock of nats", words, "clock of the database", words, "clock of the IEC", "")
	}
	data := p.cfg.Data
	full := p.with(t, func(c *Config) {
		c.Free = func(dir string) (uint64, error) {
			if dir == data {
				return 7 << 20, nil
			}
			return 0, os.ErrPermission
		}
	})
	full.want(full.examined(), "disk of "+data, "7 MB are left", "disk of "+os.TempDir(), "permission denied")

	// JetStream has hardly any room left.
	srv := natsWith(t, `max_mem: 128MB, max_file: 200GB`, `max_mem: 128MB, max_file: 1MB`)
	js := eventstest.Connect(t, srv, "upload")
	if _, err := events.NewStore(js).Put(t.Context(), events.BucketUploads, "x",
		bytes.NewReader(make([]byte, 950<<10))); err != nil {
		t.Fatal(err)
	}
	q := &patient{t: t, env: map[string]string{"ROLLCALL_PRIVACY_KEY": "a key of at least thirty-two bytes"},
		cfg: Config{NATS: events.Connection{URL: srv.URL()}, Data: t.TempDir()}}
	q.passwords(srv)
	q.want(q.examined(), "disk of nats", " of 1 MB are used")
}

// freeAddr is an address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
