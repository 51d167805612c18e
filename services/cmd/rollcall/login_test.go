package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"rollcall.example/gateway/client/login"
)

var userCode = regexp.MustCompile(`Open (\S+)\nand enter the code (\S+)\n`)

// login signs somebody in from the terminal, and enters the code at the provider.
func (p *openProvider) login(server, credentials string) (out string) {
	p.t.Helper()
	var shown syncBuffer
	ended := make(chan error, 1)
	go func() {
		ended <- run(p.t.Context(), []string{"login", "--server", server, "--credentials", credentials}, &shown, &shown,
			func(string) string { return "" })
	}()
	var told []string
	for end := time.Now().Add(time.Minute); told == nil; told = userCode.FindStringSubmatch(shown.String()) {
		select {
		case err := <-ended:
			p.t.Fatalf("%v\n%s", err, shown.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(end) {
			p.t.Fatalf("no code: %s", shown.String())
		}
	}
	if told[1] != p.url+"/device" {
		p.t.Errorf("the address is %s", told[1])
	}
	if err := p.CompleteDeviceAuthorization(p.t.Context(), told[2], "id2"); err != nil {
		p.t.Fatal(err)
	}
	if err := <-ended; err != nil {
		p.t.Fatalf("%v\n%s", err, shown.String())
	}
	return shown.String()
}

// Somebody signs in with a code; the other commands find the token, renew it, and forget it.
func TestLoginByTheDeviceFlow(t *testing.T) {
	provider := startProvider(t)
	p := upWithProvider(t, provider)
	file := filepath.Join(t.TempDir(), "new", "credentials.json")
	out := provider.login(p.url(), file)
	if !strings.Contains(out, "Signed in to "+p.url()+" as test-user2@zitadel.ch (national_admin).") {
		t.Errorf("shown:\n%s", out)
	}
	checkMode(t, file, 0o600)
	checkMode(t, filepath.Dir(file), 0o700)
	jobs := []string{"jobs", "--server", p.url(), "--credentials", file}
	mustRun(t, jobs...)
	if _, n, _, _ := provider.counts(); n != 0 {
		t.Errorf("a good token was renewed %d times", n)
	}

	// A token that ends soon is renewed, and the new refresh token kept: the provider takes each once.
	provider.setLifetime(2 * time.Second)
	provider.login(p.url(), file)
	for want := 1; want <= 2; want++ {
		mustRun(t, jobs...)
		if _, n, _, _ := provider.counts(); n != want {
			t.Errorf("%d renewals, want %d", n, want)
		}
	}
	checkMode(t, file, 0o600)

	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if out, err := runCommand(t, jobs...); err == nil || !strings.Contains(err.Error(), "others can read") {
		t.Errorf("a file that others can read: %v\n%s", err, out)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}

	mustRun(t, "logout", "--server", p.url(), "--credentials", file)
	if _, _, _, revoked := provider.counts(); revoked != 1 {
		t.Errorf("%d refresh tokens revoked, want 1", revoked)
	}
	if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), "token") {
		t.Errorf("after signing out the file has %s %v", text, err)
	}
	if _, err := runCommand(t, jobs...); err == nil || !strings.Contains(err.Error(), "rollcall login") {
		t.Errorf("after signing out: %v", err)
	}
}

// Two commands that find an old token renew it once: a refresh token that is used twice looks stolen.
func TestCommandsAtOnceRenewOnce(t *testing.T) {
	provider := startProvider(t)
	p := upWithProvider(t, provider)
	file := filepath.Join(t.TempDir(), "credentials.json")
	provider.setLifetime(2 * time.Second)
	provider.login(p.url(), file)
	provider.setLifetime(time.Hour)
	store, err := login.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	const commands = 8
	tokens, start := make(chan string, commands), make(chan struct{})
	for range commands {
		source, err := store.Source(p.url() + "/")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			<-start
			token, err := source(t.Context())
			if err != nil {
				t.Error(err)
			}
			tokens <- token
		}()
	}
	close(start)
	first := <-tokens
	for range commands - 1 {
		if token := <-tokens; token != first {
			t.Error("two tokens")
		}
	}
	if _, n, _, _ := provider.counts(); n != 1 {
		t.Errorf("%d renewals, want 1", n)
	}
}

func checkMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has the mode %o, want %o", path, got, want)
	}
}
