package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/services/postgres"
)

// A job runs with TLS on every connection: HTTP, WebSocket, the IEC, NATS with certificates on
// both sides, PostgreSQL. Each of them refuses connections without TLS.
func TestEverythingSpeaksTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	cert, key := ca.issue("server", 2)
	clientCert, clientKey := ca.issue("client", 3)
	database := tlsDatabase(t, ca)
	natsURL, env := tlsNATS(t, ca)
	env = append(env, "SSL_CERT_FILE="+ca.file, "ROLLCALL_IEC_CACHE_KEY=k",
		"ROLLCALL_PRIVACY_KEY=a key of at least thirty-two bytes", "ROLLCALL_JWT_SECRET="+secret,
		"ROLLCALL_IEC_USERNAME=u", "ROLLCALL_IEC_PASSWORD=p",
		"ROLLCALL_NATS="+natsURL, "ROLLCALL_NATS_CA="+ca.file, "ROLLCALL_NATS_CERT="+clientCert,
		"ROLLCALL_NATS_KEY="+clientKey,
		"ROLLCALL_TLS_CERT="+cert, "ROLLCALL_TLS_KEY="+key, "ROLLCALL_ADDR=127.0.0.1:0",
		"ROLLCALL_DATABASE="+database("verify-full"))
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
	out := finish(rollcall(t, env, append([]string{"upload", sampleFile(t)},
		append(alice, running["upload"].url())...)...))
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

	if out = finish(rollcall(t, env, "doctor", "--iec-url", sim.url())); !strings.Contains(out,
		"ok       nats as upload\n") {
		t.Errorf("doctor:\n%s", out)
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
		for name, c := range map[string]events.Connection{"in the clear": plain, "no certificate": withoutOne,
			"somebody else's": theirs} {
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
		if js, err := events.Connect(events.Connection{URL: srv.URL(), User: "upload", Password: srv.Password("upload"),
			CA: ca.file}); err == nil {
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
		if db, err := postgres.Open(t.Context(),
			strings.Replace(database("verify-full"), url.QueryEscape(ca.file), url.QueryEscape(foreign.file), 1)); err == nil {
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
