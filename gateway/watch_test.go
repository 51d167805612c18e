package gateway_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/security"
	"rollcall.example/gateway"
)

type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A refusal is counted and logged as one over REST is, whatever the client speaks.
func TestRefusalsAreWatched(t *testing.T) {
	log := &lockedLog{}
	watch := security.New(security.Config{Logger: slog.New(slog.NewTextHandler(log, nil)), AddressLines: 100})
	r := newRig(t, func(c *gateway.Config) {
		c.Watch, c.TrustedProxies = watch, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.UserConnections, c.AuthTimeout = 2, time.Minute
	})
	job := r.upload("alice")
	wantCounted := func(what string, face security.Face, kind security.Kind, count uint64) {
		t.Helper()
		eventstest.Wait(t, what, func() bool { return watch.Stats().Refused[face][kind] == count })
	}
	wantStatus := func(path, headers string, status int) {
		t.Helper()
		if _, resp := openSocket(t, r.url, path, headers); resp.StatusCode != status {
			t.Errorf("%s %q: %s", path, headers, resp.Status)
		}
	}
	from := "X-Forwarded-For: 198.51.100.7\r\n"
	wantStatus("/", "Authorization: Bearer x\r\n"+from, http.StatusUnauthorized)
	wantCounted("a bad token", security.FaceWebSocket, security.KindUnauthenticated, 1)
	wantStatus(enginePath, "Origin: https://evil.example\r\n"+from, http.StatusForbidden)
	wantCounted("a foreign page", security.FaceSocketIO, security.KindForbidden, 1)

	bob := dial(t, r.url, mintToken(t, "bob", "member", time.Hour))
	bob.send("subscribe_bulk_upload_job", map[string]string{"job_id": job.ID}, 1)
	bob.want("error")
	wantCounted("somebody else's job", security.FaceWebSocket, security.KindForeignJob, 1)
	bob.send("subscribe_bulk_upload_job", map[string]string{"job_id": events.NewJobID()}, 2)
	bob.want("error")
	bob.send("subscribe_bulk_upload_job", map[string]string{"job_id": "8001015009087"}, 3)
	bob.want("error")
	wantCounted("jobs that are not there", security.FaceWebSocket, security.KindNotFound, 2)

	stranger := dial(t, r.url, "")
	stranger.send("subscribe_bulk_upload_job", map[string]string{"job_id": job.ID}, 1)
	stranger.want("error")
	wantCounted("nobody in particular", security.FaceWebSocket, security.KindUnauthenticated, 2)

	engine := dialEngine(t, r.url)
	engine.wantPrefix("0")
	engine.write(`40{"token":"x"}`)
	engine.wantPrefix("44")
	wantCounted("a bad token", security.FaceSocketIO, security.KindUnauthenticated, 1)
	engine.write(`40{"token":"` + mintToken(t, "bob", "member", time.Hour) + `"}`)
	engine.wantPrefix("40")
	engine.write(`421["subscribe_bulk_upload_job","` + job.ID + `"]`)
	engine.wantPrefix("43")
	wantCounted("somebody else's job", security.FaceSocketIO, security.KindForeignJob, 1)

	wantStatus("/", "Authorization: Bearer "+mintToken(t, "bob", "member", time.Hour)+"\r\n"+from,
		http.StatusTooManyRequests)
	wantCounted("a third connection", security.FaceWebSocket, security.KindTooMany, 1)

	text := log.String()
	for _, says := range []string{
		"event=foreign_job face=websocket code=not_found route=subscribe_bulk_upload_job user=bob role=member " +
			"from=127.0.0.1 job=" + job.ID,
		"event=unauthenticated face=websocket code=unauthenticated route=\"\" user=\"\" role=\"\" from=198.51.100.7",
		"event=forbidden face=socketio code=origin", "event=too_many face=websocket code=too_many_connections",
	} {
		if !strings.Contains(text, says) {
			t.Errorf("no %s in\n%s", says, text)
		}
	}
	if strings.Contains(text, "8001015009087") {
		t.Error(text)
	}
}

func TestWhoNeverSignsInIsWatched(t *testing.T) {
	watch := security.New(security.Config{})
	r := newRig(t, func(c *gateway.Config) { c.Watch, c.AuthTimeout = watch, 300*time.Millisecond })
	dial(t, r.url, "").closeCode()
	dial(t, r.url, mintToken(t, "alice", "member", time.Second)).closeCode() // was let in, and expires
	if got := watch.Stats().Refused[security.FaceWebSocket][security.KindUnauthenticated]; got != 1 {
		t.Errorf("counted %d times", got)
	}
}
