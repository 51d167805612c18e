package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"rollcall.example/events/embedded"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/client"
	"rollcall.example/services/app"
	"rollcall.example/services/postgres"
)

// replicas is how many processes of each service an installation has.
const replicas = 2

// pipeline are the services that work on jobs, and those beside them.
var pipeline = []string{"upload", "gateway", "validation", "iec", "persistence", "report", "webhook", "privacy"}

// installation is rollcall as processes: NATS, PostgreSQL, a simulated IEC and replicas of
// each service.
type installation struct {
	b        *bench
	db       *postgres.Server
	natsAddr string
	secret   string // of tokens
	// processes are all but PostgreSQL's, in the order in which they were started.
	processes []*process
	// uploads and gateways are the addresses of the replicas.
	uploads, gateways []string
}

// newInstallation starts PostgreSQL and the simulator, and builds what start needs.
func newInstallation(ctx context.Context, b *bench) (*installation, error) {
	in := &installation{b: b, secret: rand.Text() + rand.Text()}
	var err error
	if in.natsAddr, err = freeAddress(); err != nil {
		return nil, err
	}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-o", in.natsServer(),
		"github.com/nats-io/nats-server/v2").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	b.env = []string{"ROLLCALL_IEC_CACHE_KEY=" + rand.Text(), "ROLLCALL_PRIVACY_KEY=" + rand.Text() + rand.Text(),
		"ROLLCALL_JWT_SECRET=" + in.secret, "ROLLCALL_NATS_STORE=" + filepath.Join(b.dir, "nats"),
		embedded.StoreKeyVariable + "=" + rand.Text() + rand.Text(), "ROLLCALL_IEC_USERNAME=u", "ROLLCALL_IEC_PASSWORD=p"}
	for _, user := range embedded.Users {
		b.env = append(b.env, embedded.PasswordVariable(user)+"="+rand.Text())
	}
	for _, service := range postgres.RoleServices() {
		b.env = append(b.env, app.DatabasePasswordVariable(service)+"=role-of-"+service)
	}
	in.db, err = postgres.Start(ctx, postgres.Config{Dir: filepath.Join(b.dir, "postgres")})
	return in, err
}

func (in *installation) natsServer() string { return filepath.Join(in.b.dir, "nats-server") }

// start starts NATS with a configuration, the simulator and the services.
func (in *installation) start(ctx context.Context, conf []byte) error {
	file, web := filepath.Join(in.b.dir, "nats.conf"), ""
	web, err := freeAddress()
	if err != nil {
		return err
	}
	text := strings.NewReplacer(`"127.0.0.1:4222"`, `"`+in.natsAddr+`"`, `"127.0.0.1:8222"`, `"`+web+`"`).
		Replace(string(conf))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	log := filepath.Join(in.b.dir, "nats.log")
	nats, err := in.b.startProgram(exec.Command(in.natsServer(), "-c", file, "-l", log), nil)
	if err != nil {
		return err
	}
	in.keep("nats", nats)
	if err := waitListening(ctx, in.natsAddr); err != nil {
		return fmt.Errorf("nats: %w", err)
	}
	url := "nats://" + in.natsAddr
	migrate := exec.CommandContext(ctx, in.b.binary(), "migrate", "--nats", url, "--database", in.db.URL())
	migrate.Env = append(os.Environ(), in.b.env...)
	if out, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("migrate: %w\n%s", err, out)
	}
	iec, err := in.b.startCommand(ctx, "iec-sim", "--addr", "127.0.0.1:0")
	if err != nil {
		return err
	}
	in.keep("iec-sim", iec)
	in.uploads, in.gateways = nil, nil
	for _, service := range pipeline {
		for range replicas {
			args := append([]string{"serve", service, "--nats", url, "--addr", "127.0.0.1:0"},
				in.argsOf(service, iec.url)...)
			p, err := in.b.startCommand(ctx, args...)
			if err != nil {
				return err
			}
			in.keep(service, p)
			switch service {
			case "upload":
				in.uploads = append(in.uploads, p.url)
			case "gateway":
				in.gateways = append(in.gateways, p.url)
			}
			if err := (&server{process: p}).waitReady(ctx); err != nil {
				return fmt.Errorf("%s: %w", service, err)
			}
		}
	}
	return nil
}

func (in *installation) keep(name string, p *process) {
	p.name = name
	in.processes = append(in.processes, p)
}

// argsOf are the arguments of a service: no limit of users is in the way.
func (in *installation) argsOf(service, iecURL string) []string {
	database := []string{"--database", in.db.RoleURL(service, "role-of-"+service)}
	switch service {
	case "upload":
		return append(database, "--user-uploads", "100000", "--user-jobs", "100000", "--user-transfers", "1000",
			"--user-storage", "1000GB")
	case "gateway":
		return []string{"--max-connections", "1000000", "--user-connections", "1000000"}
	case "iec":
		return []string{"--iec-url", iecURL, "--iec-quota", "1000000000", "--iec-concurrency", "64"}
	case "persistence", "webhook", "privacy":
		return database
	}
	return nil
}

// stop ends all but PostgreSQL, the last one first, so that what each needs is still there.
func (in *installation) stop() (err error) {
	for len(in.processes) > 0 {
		last := len(in.processes) - 1
		err = errors.Join(err, in.processes[last].stop())
		in.processes = in.processes[:last]
	}
	return err
}

func (in *installation) close() error {
	err := in.stop()
	if in.db == nil {
		return err
	}
	return errors.Join(err, in.db.Stop(context.Background()))
}

// person is a user of the installation.
type person struct{ rest, live *client.Client }

// user returns the nth user, who is at one of the replicas.
func (in *installation) user(n int) (p person, err error) {
	token, err := in.mint(fmt.Sprintf("user-%d", n))
	if err != nil {
		return p, err
	}
	if p.rest, err = client.New(client.Config{URL: in.uploads[n%replicas], Token: token}); err != nil {
		return p, err
	}
	p.live, err = client.New(client.Config{URL: in.gateways[n%replicas], Token: token})
	return p, err
}

func (in *installation) mint(user string) (string, error) {
	return auth.Mint(in.secret, user, "national_admin", 24*time.Hour, time.Now())
}

// countMembers returns how many members the database has.
func (in *installation) countMembers(ctx context.Context) (n int, err error) {
	db, err := postgres.Open(ctx, in.db.URL())
	if err != nil {
		return 0, err
	}
	err = db.GetContext(ctx, &n, "SELECT count(*) FROM members")
	return n, errors.Join(err, db.Close())
}
