package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events/eventstest"
	"rollcall.example/services/app"
)

// envOf returns the variables that a file of a data folder exports.
func envOf(t *testing.T, dir, name string) func(string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "="); ok {
			found[key] = strings.Trim(value, "'")
		}
	}
	return func(name string) string { return found[name] }
}

// A revoked token is refused by every face within seconds, and open connections end.
func TestRevokeEndsSessions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startUp(t, dir)
	getenv := envOf(t, dir, app.RevokeEnv)
	revoke := func(args ...string) string {
		t.Helper()
		var out, log bytes.Buffer
		args = append([]string{"revoke", "--nats", getenv("ROLLCALL_NATS")}, args...)
		if err := run(t.Context(), args, &out, &log, getenv); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, log.String())
		}
		return out.String()
	}
	ask := func(token string) (status int, reason any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url()+"/api/v1/bulk-upload/history", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Error struct{ Details map[string]any }
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, answer.Error.Details["reason"]
	}
	open := func(token string) *websocket.Conn {
		t.Helper()
		ws, _, err := websocket.Dial(t.Context(), p.url()+"/ws", &websocket.DialOptions{
			HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ws.CloseNow() })
		return ws
	}
	ends := func(what string, ws *websocket.Conn, token string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), revokedWithin)
		defer cancel()
		if _, text, err := ws.Read(ctx); websocket.CloseStatus(err) != 4001 {
			t.Errorf("%s: the connection got %s, %v", what, text, err)
		}
		eventstest.Wait(t, "the refusal", func() bool {
			status, reason := ask(token)
			return status == http.StatusUnauthorized && reason == "token_revoked"
		})
	}

	one := token(t, "alice", "national_admin")
	two := token(t, "alice", "national_admin")
	first, second := open(one), open(two)
	jti := claimsOf(t, one)["jti"].(string)
	if out := revoke("--jti", jti); !strings.Contains(out, jti) {
		t.Errorf("revoke says %q", out)
	}
	ends("one token", first, one)
	if status, _ := ask(two); status != http.StatusOK {
		t.Errorf("another token of the user: %d", status)
	}
	if out := revoke("--user", "alice", "--for", "48h"); !strings.Contains(out, "alice") {
		t.Errorf("revoke says %q", out)
	}
	ends("all of a user", second, two)
	// Over REST the same, by an administrator.
	admin, carol := token(t, "adam", "super_admin"), token(t, "carol", "national_admin")
	third := open(carol)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url()+"/api/v1/bulk-upload/revocations",
		strings.NewReader(`{"user_id":"carol"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+admin)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("POST /revocations: %s", resp.Status)
	}
	ends("a user over REST", third, carol)
	revoke("--user", "carol", "--restore")
	// Who signs in afterwards is let in.
	if status, reason := ask(token(t, "alice", "national_admin")); status != http.StatusOK {
		t.Errorf("a new token: %d %v", status, reason)
	}
	list := revoke("--list")
	if strings.Count(list, "\n") != 2 || !strings.Contains(list, "token "+jti) || !strings.Contains(list, "user alice") ||
		!strings.Contains(list, "by "+systemUser()) {
		t.Errorf("list:\n%s", list)
	}
	var entry struct{ JTI string }
	if line, _, _ := strings.Cut(revoke("--list", "--json"), "\n"); json.Unmarshal([]byte(line), &entry) != nil ||
		entry.JTI != jti {
		t.Errorf("the list as JSON begins with %s", line)
	}
	revoke("--user", "alice", "--restore")
	eventstest.Wait(t, "the token to be good again", func() bool { status, _ := ask(two); return status == http.StatusOK })
	if strings.Contains(revoke("--list"), "alice") {
		t.Error("alice is still listed")
	}
	// No ID number is told, also where the user's id is one.
	if out := revoke("--user", "8001015009087") + revoke("--list"); idNumbers.MatchString(out) {
		t.Errorf("an ID number is told:\n%s", out)
	}
	// Nobody else's password does.
	var out bytes.Buffer
	other := envOf(t, dir, app.PrivacyEnv)
	if err := run(t.Context(), []string{"revoke", "--nats", getenv("ROLLCALL_NATS"), "--user", "bob"}, &out, &out,
		other); err == nil {
		t.Error("it needs no password of its own")
	}
	p.stop(15)
	if _, err := os.Stat(filepath.Join(dir, app.RevokeEnv)); err == nil {
		t.Error("the password is still there")
	}
}

func TestRevokeRefusesWhatCannotBe(t *testing.T) {
	for want, args := range map[string][]string{
		"give --user, --jti or --list": {},
		"no NATS: give --nats":         {"--user", "alice"},
		"can't be used together":       {"--user", "alice", "--jti", "one"},
		"until must be in the future":  {"--user", "alice", "--until", "2020-01-01T00:00:00Z", "--nats", "nats://x"},
		"for must be at least 0s":      {"--user", "alice", "--for=-1h", "--nats", "nats://x"},
	} {
		_, err := runCommand(t, append([]string{"revoke"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", args, err)
		}
	}
	c := revokeCmd{User: "alice", For: 0}
	if e, err := c.entry(time.Now()); err != nil || !e.Until.IsZero() {
		t.Errorf("for ever: %+v, %v", e, err)
	}
}
