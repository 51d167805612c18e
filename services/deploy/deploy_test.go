// Package deploy_test runs what the examples are made of: the proxy and the scripts.
package deploy_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// nginx returns the path of the program, from the system or from bin/.
func nginx(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"nginx", "/usr/sbin/nginx", "../../bin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			if path, err = filepath.Abs(path); err != nil {
				t.Fatal(err)
			}
			return path
		}
	}
	t.Fatal("nginx is missing: go tool task nginx")
	return ""
}

// startProxy runs nginx.conf before one server, which stands for upload and gateway. Its temporary files, port and logs
// are the test's; all else is as it is shipped. It returns the address of the proxy.
func startProxy(t *testing.T, behind string) string {
	t.Helper()
	text, err := os.ReadFile("nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, dir := ln.Addr().String(), t.TempDir()
	// Another program may take the port in between: then nginx does not start, and the test says so.
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	conf := strings.NewReplacer(
		"/tmp/", dir+"/", "listen 8080;", "listen 0.0.0.0:"+port+";", "worker_processes auto;", "worker_processes 1;",
		"http://upload:8080", behind, "http://gateway:8080", behind,
		"/dev/stdout", dir+"/access.log", "/dev/stderr", dir+"/error.log",
	).Replace(string(text))
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	// Run by root, its workers would be nobody's and could not write into the folder.
	cmd := exec.Command(nginx(t), "-c", file, "-g", "daemon off; master_process off;")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
	})
	for {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			return addr
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("nginx ended: %v\n%s", err, &out)
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("nginx does not listen")
		}
	}
}

// from returns a client that comes from an address of the loopback.
func from(t *testing.T, ip string) *http.Client {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, addr)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func ask(t *testing.T, client *http.Client, method, url string) (status int, body string, header http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-For", "6.6.6.6")
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text), answer.Header
}

// An address that asks too often is refused by the proxy while others are served. Nobody forges where they come from.
func TestProxyLimitsEachAddress(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Header["X-Forwarded-For"]) // the client reads it
	}))
	defer server.Close()
	url := "http://" + startProxy(t, server.URL)

	for name, c := range map[string]struct {
		ip, method, path string
		most             int // that pass in a burst
	}{
		"requests": {"127.0.0.2", http.MethodGet, "/api/v1/bulk-upload/history", 300},
		"uploads":  {"127.0.0.3", http.MethodPost, "/api/v1/bulk-upload/process", 40},
		"looks":    {"127.0.0.6", http.MethodPost, "/api/v1/bulk-upload/inspect", 40},
		"parts":    {"127.0.0.4", http.MethodPost, "/api/v1/bulk-upload/tus", 40},
		"sockets":  {"127.0.0.5", http.MethodGet, "/socket.io/", 300},
	} {
		client, passed := from(t, c.ip), 0
		for ; ; passed++ {
			status, body, header := ask(t, client, c.method, url+c.path)
			if status == http.StatusTooManyRequests {
				if header.Get("Retry-After") == "" || !strings.Contains(body, `"too_many_requests"`) {
					t.Errorf("%s: refused with %v %s", name, header, body)
				}
				break
			}
			if status != http.StatusOK || body != "["+c.ip+"]" {
				t.Fatalf("%s: %d, forwarded for %s", name, status, body)
			}
			if passed > c.most {
				t.Fatalf("%s: %d pass", name, passed)
			}
		}
		if passed < 10 {
			t.Errorf("%s: only %d pass", name, passed)
		}
		if status, _, _ := ask(t, from(t, "127.0.0.9"), http.MethodGet, url+c.path); status != http.StatusOK {
			t.Errorf("%s: another address gets %d", name, status)
		}
	}
}

func TestProxyLimitsConnectionsOfAnAddress(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			<-release
		}
	}))
	defer server.Close()
	url, statuses := "http://"+startProxy(t, server.URL), make(chan int, 100)
	client := from(t, "127.0.0.2")
	for range cap(statuses) {
		go func() {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/wait", nil)
			status := 0
			if answer, err := client.Do(r); err == nil {
				status = answer.StatusCode
				_ = answer.Body.Close() // it is empty
			}
			statuses <- status
		}()
	}
	// Those above the limit are answered while the others wait.
	for range cap(statuses) - 64 {
		if status := <-statuses; status != http.StatusTooManyRequests {
			t.Errorf("%d of one connection too many", status)
		}
	}
	if status, _, _ := ask(t, from(t, "127.0.0.3"), http.MethodGet, url+"/"); status != http.StatusOK {
		t.Errorf("another address gets %d", status)
	}
	close(release)
	for range 64 {
		if status := <-statuses; status != http.StatusOK {
			t.Errorf("%d within the limit", status)
		}
	}
}

// nats-server gets each file as a variable, and does not start without one that it cannot have.
func TestNATSGetsItsPasswordsFromFiles(t *testing.T) {
	bin, secrets := t.TempDir(), t.TempDir()
	write(t, filepath.Join(bin, "nats-server"), "#!/bin/sh\necho \"$@\"; env\n", 0o700)
	write(t, filepath.Join(secrets, "ROLLCALL_NATS_PASSWORD_UPLOAD"), "it's a $secret\n", 0o400)
	write(t, filepath.Join(secrets, "ROLLCALL_NATS_PASSWORD_IEC"), "another", 0o400)
	start := func() (string, error) {
		cmd := exec.Command("sh", "nats/start.sh", "-c", "nats.conf")
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "ROLLCALL_NATS_SECRETS=" + secrets,
			"ROLLCALL_NATS_STORE=/store", "LOOKED=" + os.Getenv("LOOKED")}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := start()
	for _, want := range []string{"-c nats.conf\n", "ROLLCALL_NATS_PASSWORD_UPLOAD=it's a $secret\n",
		"ROLLCALL_NATS_PASSWORD_IEC=another\n"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v, no %q in %s", err, want, out)
		}
	}
	// Where rollcall is there, it looks at the key first.
	write(t, filepath.Join(bin, "rollcall"), "#!/bin/sh\necho \"looked: $@\"; exit $LOOKED\n", 0o700)
	t.Setenv("LOOKED", "0")
	looked := "looked: encrypt --check --store /store\n-c nats.conf\n"
	if out, err := start(); err != nil || !strings.Contains(out, looked) {
		t.Errorf("with the right key: %v, %s", err, out)
	}
	t.Setenv("LOOKED", "1")
	if out, err := start(); err == nil || strings.Contains(out, "-c nats.conf") {
		t.Errorf("starts with a wrong key: %s", out)
	}
	t.Setenv("LOOKED", "0")
	write(t, filepath.Join(secrets, "ROLLCALL_NATS_PASSWORD_REPORT"), "\n", 0o400)
	if out, err := start(); err == nil || !strings.Contains(out, "ROLLCALL_NATS_PASSWORD_REPORT is empty") {
		t.Errorf("starts with an empty password: %v, %s", err, out)
	}
	if err := os.RemoveAll(secrets); err != nil {
		t.Fatal(err)
	}
	if out, err := start(); err == nil {
		t.Errorf("starts without passwords: %s", out)
	}
}

// secrets.sh makes every secret that compose.yaml names, closed to others, and keeps what is there.
func TestSecretsAreMadeForCompose(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	makeSecrets := func() {
		if out, err := exec.Command("sh", "secrets.sh", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	makeSecrets()
	compose, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	names, before := regexp.MustCompile(`file: \./secrets/(\w+)`).FindAllSubmatch(compose, -1), map[string]string{}
	if len(names) < 20 {
		t.Fatalf("only %d secrets", len(names))
	}
	for _, name := range names {
		file := filepath.Join(dir, string(name[1]))
		info, err := os.Stat(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode().Perm() != 0o400 {
			t.Errorf("%s has the mode %v", name[1], info.Mode())
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		before[file] = string(text)
		if credentials := regexp.MustCompile(`IEC_(USERNAME|PASSWORD)$`); len(text) < 64 &&
			(!credentials.Match(name[1]) || strings.HasPrefix(string(name[1]), "ROLLCALL_NATS_")) {
			t.Errorf("%s is %q", name[1], text)
		}
	}
	password := strings.TrimSpace(before[filepath.Join(dir, "ROLLCALL_DATABASE_PASSWORD_UPLOAD")])
	if url := before[filepath.Join(dir, "ROLLCALL_DATABASE_UPLOAD")]; !strings.Contains(url, "user=rollcall_upload ") ||
		!strings.Contains(url, "password="+password) {
		t.Errorf("upload signs in as %q", url)
	}
	makeSecrets()
	for file, text := range before {
		if after, err := os.ReadFile(file); err != nil || string(after) != text {
			t.Errorf("%s changes when it is made again: %v", file, err)
		}
	}
}

func write(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
