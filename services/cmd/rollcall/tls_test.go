package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/services/postgres"
)

// From upload to report with TLS on every connection: HTTP, WebSocket, the IEC,
// NATS with certificates on both sides, PostgreSQL. Each refuses to do without.
func TestEverythingSpeaksTLS(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue("server", 2)
	clientCert, clientKey := ca.issue("client", 3)
	database := tlsDatabase(t, ca)
	natsURL, env := tlsNATS(t, ca)
	env = append(env, "SSL_CERT_FILE="+ca.file, "ROLLCALL_IEC_CACHE_KEY=k", "ROLLCALL_JWT_SECRET="+secret, "ROLLCALL_IEC_USERNAME=u", "ROLLCALL_IEC_PASSWORD=p",
		"ROLLCALL_NATS="+natsURL, "ROLLCALL_NATS_CA="+ca.file, "ROLLCALL_NATS_CERT="+clientCert, "ROLLCALL_NATS_KEY="+clientKey,
		"ROLLCALL_TLS_CERT="+cert, "ROLLCALL_TLS_KEY="+key, "ROLLCALL_ADDR=127.0.0.1:0", "ROLLCALL_DATABASE="+database("verify-full"))
	finish := func(p *program) string {
		t.Helper()
		select {
		case <-p.done:
		case <-time.After(40 * time.Second):
			t.Fatalf("%s does not end", p.cmd.Args[1])
		}
		if p.exit != nil {
			t.Fatalf("%v: %v\n%s%s", p.cmd.Args[1:], p.exit, p.out, p.err)
		}
		return p.out.String()
	}
	finish(rollcall(t, env, "migrate"))
	sim := rollcall(t, env, "iec-sim", "--addr", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	client := ca.client()
	running := map[string]*program{}
	for _, service := range []string{"validation", "iec", "persistence", "report", "upload", "gateway"} {
		p := rollcall(t, append(env, "ROLLCALL_IEC_URL="+sim.url()), "serve", service)
		running[service] = p
		health := p.url() + "/healthz"
		if !strings.HasPrefix(health, "https://") {
			t.Fatalf("%s is on %s", service, health)
		}
		p.wait("health", func() bool {
			resp, err := client.Get(health)
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
	}
	alice := []string{"--token", token(t, "alice", "member"), "--server"}
	out := finish(rollcall(t, env, append([]string{"upload", sampleFile(t)}, append(alice, running["upload"].url())...)...))
	job := jobIDs.FindString(out)
	out = finish(rollcall(t, env, append([]string{"watch", job}, append(alice, running["gateway"].url())...)...))
	if !strings.Contains(out, "100%  completed") {
		t.Fatalf("shown:\n%s", out)
	}
	file := filepath.Join(t.TempDir(), "report.xlsx")
	finish(rollcall(t, env, append([]string{"report", job, "-o", file}, append(alice, running["upload"].url())...)...))
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		t.Fatalf("report: %v, %v", info, err)
	}

	t.Run("HTTP in the clear is refused", func(t *testing.T) {
		for name, p := range running {
			resp, err := http.Get(strings.Replace(p.url(), "https:", "http:", 1) + "/livez")
			if err != nil {
				continue
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%s answered %s", name, resp.Status)
			}
		}
	})
	t.Run("an unknown authority is refused", func(t *testing.T) {
		if resp, err := newAuthority(t).client().Get(running["upload"].url() + "/livez"); err == nil {
			resp.Body.Close()
			t.Fatal(resp.Status)
		}
	})
	t.Run("NATS wants TLS and a certificate", func(t *testing.T) {
		plain := events.Connection{URL: natsURL, User: "upload", Password: "password-of-upload"}
		foreign := newAuthority(t)
		withoutOne, ours, theirs := plain, plain, plain
		withoutOne.CA = ca.file
		ours.CA, ours.Cert, ours.Key = ca.file, clientCert, clientKey
		theirs.CA = ca.file
		theirs.Cert, theirs.Key = foreign.issue("client", 3)
		for name, c := range map[string]events.Connection{"in the clear": plain, "no certificate": withoutOne, "somebody else's": theirs} {
			if js, err := events.Connect(c); err == nil {
				js.Conn().Close()
				t.Errorf("%s: connected", name)
			}
		}
		js, err := events.Connect(ours)
		if err != nil {
			t.Fatal(err)
		}
		defer js.Conn().Close()
		if _, err := js.Conn().TLSConnectionState(); err != nil {
			t.Error(err)
		}
	})
	t.Run("nothing is said to a NATS without TLS", func(t *testing.T) {
		srv, err := embedded.Start(embedded.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer srv.Stop()
		if js, err := events.Connect(events.Connection{URL: srv.URL(), User: "upload", Password: srv.Password("upload"), CA: ca.file}); err == nil {
			js.Conn().Close()
			t.Fatal("connected")
		}
	})
	t.Run("the embedded NATS speaks it on its port", func(t *testing.T) {
		srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Cert: clientCert, Key: clientKey})
		if err != nil {
			t.Fatal(err)
		}
		defer srv.Stop()
		inside, err := srv.Connect("upload")
		if err != nil {
			t.Fatal(err)
		}
		defer inside.Conn().Close()
		c := events.Connection{URL: srv.URL(), User: "upload", Password: srv.Password("upload")}
		if js, err := events.Connect(c); err == nil {
			js.Conn().Close()
			t.Error("connected without the authority")
		}
		c.CA = ca.file
		js, err := events.Connect(c)
		if err != nil {
			t.Fatal(err)
		}
		js.Conn().Close()
	})
	t.Run("PostgreSQL wants TLS", func(t *testing.T) {
		for mode, want := range map[string]bool{"verify-full": true, "require": true, "disable": false} {
			db, err := postgres.Open(t.Context(), database(mode))
			if (err == nil) != want {
				t.Errorf("sslmode=%s: %v", mode, err)
			}
			if err == nil {
				_ = db.Close() // nothing was done with it
			}
		}
		foreign := newAuthority(t)
		if db, err := postgres.Open(t.Context(), strings.Replace(database("verify-full"), url.QueryEscape(ca.file), url.QueryEscape(foreign.file), 1)); err == nil {
			_ = db.Close() // nothing was done with it
			t.Error("a certificate of an unknown authority was taken")
		}
	})
	t.Run("a renewed certificate is served", func(t *testing.T) {
		ca.issue("server", 77)
		resp, err := client.Get(running["gateway"].url() + "/livez")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if serial := resp.TLS.PeerCertificates[0].SerialNumber.Int64(); serial != 77 {
			t.Fatalf("served: %d", serial)
		}
		if err := os.WriteFile(cert, []byte("half a file"), 0o600); err != nil {
			t.Fatal(err)
		}
		if resp, err = client.Get(running["gateway"].url() + "/livez"); err != nil {
			t.Fatalf("a bad file took the last good one out of use: %v", err)
		}
		resp.Body.Close()
	})
}

// tlsNATS runs services/deploy/nats/server.conf as it is.
func tlsNATS(t *testing.T, ca *authority) (url string, passwords []string) {
	t.Helper()
	for _, user := range embedded.Users {
		passwords = append(passwords, embedded.PasswordVariable(user)+"=password-of-"+user)
	}
	cert, key := ca.issue("nats", 4)
	host, port, _ := strings.Cut(freeAddr(t), ":")
	_, monitor, _ := strings.Cut(freeAddr(t), ":")
	server := spawn(t, append(passwords, "ROLLCALL_NATS_STORE="+t.TempDir(), "ROLLCALL_NATS_NAME=one",
		"ROLLCALL_NATS_TLS_CERT="+cert, "ROLLCALL_NATS_TLS_KEY="+key, "ROLLCALL_NATS_TLS_CA="+ca.file),
		build(t, "github.com/nats-io/nats-server/v2"), "-c", "../../deploy/nats/server.conf", "-a", host, "-p", port, "-m", monitor)
	server.wait("NATS", func() bool { return strings.Contains(server.err.String(), "Server is ready") })
	return "nats://" + host + ":" + port, passwords
}

// tlsDatabase runs a PostgreSQL that takes connections with TLS only, and
// returns its URL by sslmode.
func tlsDatabase(t *testing.T, ca *authority) func(mode string) string {
	t.Helper()
	dir := t.TempDir()
	srv, err := postgres.Start(t.Context(), postgres.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	config := map[string]string{}
	for _, field := range strings.Fields(srv.URL()) {
		name, value, _ := strings.Cut(field, "=")
		config[name] = value
	}
	db, err := postgres.Open(t.Context(), srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if err := db.GetContext(t.Context(), &pid, "SELECT pg_backend_pid()"); err != nil {
		t.Fatal(err)
	}
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := srv.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}

	// The same cluster again, on a port, as the user that it belongs to.
	data := filepath.Join(dir, "data")
	info, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	for _, passed := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(passed, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	cert, key := ca.issue("postgres", 5)
	for from, to := range map[string]string{cert: "server.crt", key: "server.key"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		writeOwned(t, filepath.Join(data, to), text, owner)
	}
	writeOwned(t, filepath.Join(data, "pg_hba.conf"), []byte("hostssl all all 127.0.0.1/32 scram-sha-256\n"), owner)
	host, port, _ := strings.Cut(freeAddr(t), ":")
	cmd := exec.Command(program, "-D", data, "-p", port, "-c", "listen_addresses="+host, "-c", "unix_socket_directories=", "-c", "ssl=on")
	cmd.Dir, cmd.Stderr = "/", &syncBuffer{}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // fails when it has ended already
		if err := cmd.Wait(); err != nil {
			t.Errorf("postgres: %v\n%s", err, cmd.Stderr)
		}
	})
	at := func(mode string) string {
		return (&url.URL{
			Scheme: "postgres", Host: host + ":" + port, Path: config["dbname"], User: url.UserPassword(config["user"], config["password"]),
			RawQuery: url.Values{"sslmode": {mode}, "sslrootcert": {ca.file}}.Encode(),
		}).String()
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		db, err := postgres.Open(t.Context(), at("verify-full"))
		if err == nil {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			return at
		}
		if time.Now().After(end) {
			t.Fatalf("%v\n%s", err, cmd.Stderr)
		}
	}
}

func writeOwned(t *testing.T, file string, text []byte, owner *syscall.Stat_t) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
}
