package gateway_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"rollcall.example/gateway"
)

// The answers to requests that do not become a WebSocket, byte for byte.
func TestRefusalsOverHTTP(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	r := newRig(t, func(c *gateway.Config) {
		c.UserConnections, c.Connections = 1, 1
		c.Now = func() time.Time { return now }
	})
	token := mintToken(t, "alice", "member", time.Hour)
	first := dial(t, r.url, token)
	first.send("ping", nil, 1)
	first.want("pong")
	body := func(code, details, message string) string {
		return `{"error":{"code":"` + code + `","details":` + details + `},"message":"` + message +
			`","success":false,"timestamp":"2026-01-02T03:04:05.678Z"}` + "\n"
	}
	for name, tt := range map[string]struct {
		authorization string
		status        int
		challenge     string
		retryAfter    string
		body          string
	}{
		"bad token": {"Bearer x", 401, `Bearer realm="rollcall"`, "",
			body("unauthenticated", `{"reason":"token_invalid"}`, "The token is not valid. Please sign in again.")},
		"too many connections of a user": {"Bearer " + token, 429, "", "10",
			body("too_many_connections", `{"limit":1}`, "You have too many connections. Please close some of them.")},
		"too many connections": {"", 503, "", "1",
			body("overloaded", `{}`, "The live feed cannot be reached at the moment. Please try again.")},
	} {
		headers := ""
		if tt.authorization != "" {
			headers = "Authorization: " + tt.authorization + "\r\n"
		}
		_, resp := openSocket(t, r.url, "/", headers)
		got, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != tt.status || string(got) != tt.body {
			t.Errorf("%s: %d %v\n%s", name, resp.StatusCode, err, got)
		}
		want := http.Header{"Content-Type": {"application/json"},
			"Retry-After": {tt.retryAfter}, "Www-Authenticate": {tt.challenge}}
		for key := range want {
			if got := resp.Header.Get(key); got != want.Get(key) {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want.Get(key))
			}
		}
	}
}
