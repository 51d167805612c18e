package main

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rollcall.example/events/embedded"
	"rollcall.example/services/postgres"
)

// tlsNATS runs a server with services/deploy/nats/server.conf unchanged.
func tlsNATS(t *testing.T, ca *authority) (url string, passwords []string) {
	t.Helper()
	for _, user := range embedded.Users {
		passwords = append(passwords, embedded.PasswordVariable(user)+"=password-of-"+user)
	}
	cert, key := ca.issue("nats", 4)
	host, port, _ := strings.Cut(freeAddr(t), ":")
	_, monitor, _ := strings.Cut(freeAddr(t), ":")
	server := spawn(t, append(passwords, "ROLLCALL_NATS_STORE="+t.TempDir(), "ROLLCALL_NATS_NAME=one",
		embedded.StoreKeyVariable+"=a-key-of-at-least-thirty-two-bytes",
		"ROLLCALL_NATS_TLS_CERT="+cert, "ROLLCALL_NATS_TLS_KEY="+key, "ROLLCALL_NATS_TLS_CA="+ca.file),
		build(t,
			"github.com/nats-io/nats-server/v2"), "-c", "../../deploy/nats/server.conf", "-a", host, "-p", port, "-m", monitor)
	server.wait("NATS", func() bool { return strings.Contains(server.err.String(), "Server is ready") })
	return "nats://" + host + ":" + port, passwords
}

// tlsDatabase runs a PostgreSQL that accepts connections with TLS only, and returns its URL by
// sslmode.
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

	// Start the same cluster again, on a port, as the user who owns it.
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
	cmd := exec.Command(program, "-D", data, "-p", port, "-c", "listen_addresses="+host, "-c", "unix_socket_directories=",
		"-c", "ssl=on")
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
			Scheme: "postgres", Host: host + ":" +
				port, Path: config["dbname"], User: url.UserPassword(config["user"], config["password"]),
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
