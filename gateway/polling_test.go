package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events/eventstest"
	"rollcall.example/events/revocation"
	"rollcall.example/gateway"
)

// seqOf returns the sequence of a fact's packet, 0 for any other.
func seqOf(t *testing.T, packet string) (seq uint64) {
	t.Helper()
	if !strings.HasPrefix(packet, "42") {
		return 0
	}
	var args []json.RawMessage
	if err := json.Unmarshal([]byte(packet[2:]), &args); err != nil {
		t.Fatalf("%s: %v", packet, err)
	}
	if len(args) > 2 {
		_ = json.Unmarshal(args[2], &seq) // null of progress
	}
	return seq
}

// A client that goes over to a WebSocket in the middle gets all facts, in order, once.
func TestNothingIsLostOrDoubledAcrossAnUpgrade(t *testing.T) {
	r := newRig(t)
	token := mintToken(t, "alice", "member", time.Hour)
	const sessions, rounds = 6, 10
	got := make([]chan []uint64, sessions)
	upgradeAt := make(chan struct{})
	for i := range sessions {
		p := openPolling(t, r.url)
		p.signIn(token)
		got[i] = make(chan []uint64, 1)
		go func() {
			var seqs []uint64
			defer func() { got[i] <- seqs }()
			s := &pollSession{poller: p}
			for range i { // each has polled a different number of times
				seqs = append(seqs, seqOf(t, s.take(false)))
			}
			if i == 0 {
				<-upgradeAt
			}
			// Facts go on while the upgrade is under way.
			ws := p.dialUpgrade()
			ws.put("2probe")
			ws.take(false)
			for _, packet := range s.got {
				seqs = append(seqs, seqOf(t, packet))
			}
			ws.put("5")
			for len(seqs) < 2*rounds {
				packet := ws.take(false)
				if packet == closed {
					return
				}
				seqs = append(seqs, seqOf(t, packet))
			}
		}()
	}
	var want []uint64
	for i := range rounds {
		job := r.upload("alice")
		want = append(want, job.Seq)
		r.step(&job)
		want = append(want, job.Seq)
		if i == rounds/2 {
			close(upgradeAt)
		}
	}
	for i, c := range got {
		if seqs := <-c; !slices.Equal(seqs, want) {
			t.Errorf("client %d got %v, want %v", i, seqs, want)
		}
	}
}

// A WebSocket that is tried and given up leaves the session polling.
func TestAnUpgradeThatFailsLeavesThePolling(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.WriteTimeout = time.Second })
	p := openPolling(t, r.url)
	p.signIn(mintToken(t, "alice", "member", time.Hour))
	for _, packet := range []string{"", "2", "5", "40", "2probe"} {
		ws := p.dialUpgrade()
		_, resp, err := websocket.Dial(t.Context(),
			strings.Replace(p.base, "polling", "websocket", 1)+"&sid="+p.SID, nil)
		if err == nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("a second attempt at once: %v %v", resp, err)
		}
		ws.put(packet)
		if packet == "2probe" {
			ws.wantPrefix("3probe")
			ws.put("x")
		}
		if got := ws.take(true); got != closed {
			t.Errorf("%q is answered %q", packet, got)
		}
		s := &pollSession{poller: p}
		s.put(`421["ping"]`)
		if got := s.take(false); got != `431[{}]` {
			t.Fatalf("after %q: %q", packet, got)
		}
	}
	ws := p.upgrade()
	ws.put(`421["ping"]`)
	ws.wantPrefix(`431[{}]`)
}

func TestPollingHasLimits(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) {
		c.Queue, c.UserConnections, c.Connections, c.WriteTimeout = 8, 2, 6, 5*time.Second
	})
	token := mintToken(t, "alice", "member", time.Hour)
	t.Run("a payload", func(t *testing.T) {
		p := openPolling(t, r.url)
		p.push("4" + "0" + strings.Repeat(" ", 32<<10-2))
		p = openPolling(t, r.url)
		if status, _ := p.post(strings.Repeat("3", 32<<10+1)); status != http.StatusRequestEntityTooLarge {
			t.Errorf("%d", status)
		}
		p.wantEnded()
	})
	t.Run("what waits for a client that does not poll", func(t *testing.T) {
		p := openPolling(t, r.url)
		p.signIn(token)
		for range 8 {
			p.push(`421["ping"]`)
		}
		p.push(`421["ping"]`)
		eventstest.Wait(t, "the session to end", func() bool {
			status, _ := p.do(http.MethodPut, "")
			_, text := p.do(http.MethodPut, "")
			return status == http.StatusBadRequest && strings.Contains(text, "unknown")
		})
		if r.gw.Stats().Dropped == 0 {
			t.Error("nothing was dropped")
		}
	})
	t.Run("two POSTs at once", func(t *testing.T) {
		p := openPolling(t, r.url)
		body, first := newSlowBody(), make(chan int)
		go func() {
			resp, err := http.Post(p.base+"&sid="+p.SID, "text/plain", body)
			if err != nil {
				first <- 0
				return
			}
			_ = resp.Body.Close()
			first <- resp.StatusCode
		}()
		<-body.read
		eventstest.Wait(t, "a second POST to be refused", func() bool {
			status, _ := p.post("3")
			return status == http.StatusBadRequest
		})
		p.wantEnded()
		close(body.end)
		<-first
	})
	t.Run("a user", func(t *testing.T) {
		eventstest.Wait(t, "the others to end", func() bool { return r.gw.Connections() <= 2 })
		for range 2 {
			openPolling(t, r.url).signIn(mintToken(t, "bob", "member", time.Hour))
		}
		s := &pollSession{poller: openPolling(t, r.url)}
		s.put(`40{"token":"` + mintToken(t, "bob", "member", time.Hour) + `"}`)
		for got := ""; got != closed; got = s.take(false) {
		}
		s.wantEnded()
	})
	t.Run("the gateway", func(t *testing.T) {
		for range 6 {
			status, _ := request(t, http.MethodGet, r.url+"/socket.io/?EIO=4&transport=polling", "")
			if status != http.StatusOK {
				break
			}
		}
		status, text := request(t, http.MethodGet, r.url+"/socket.io/?EIO=4&transport=polling", "")
		if status != http.StatusServiceUnavailable || !strings.Contains(text, "overloaded") {
			t.Errorf("%d %s", status, text)
		}
	})
}

// slowBody is the body of a request whose end waits.
type slowBody struct{ read, end chan struct{} }

func newSlowBody() *slowBody { return &slowBody{make(chan struct{}, 1), make(chan struct{})} }

func (b *slowBody) Read(p []byte) (int, error) {
	select {
	case b.read <- struct{}{}:
		p[0] = '3'
		return 1, nil
	case <-b.end:
		return 0, fmt.Errorf("the client gives up")
	}
}

func TestPollingOfOtherPages(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.Origins = []string{"*.party.example", "https://other.example"} })
	url := r.url + "/socket.io/?EIO=4&transport=polling"
	for origin, want := range map[string]bool{"": true, r.url: true, "https://app.party.example": true,
		"https://APP.party.example": true, "https://other.example": true, "http://other.example": false,
		"https://evil.example": false, "null": false, "https://app.party.example.evil.example": false, "file://": false} {
		for _, method := range []string{http.MethodGet, http.MethodOptions} {
			req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if origin != "" {
				req.Header.Set("Origin", origin)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
			h := resp.Header
			if ok := resp.StatusCode < 300; ok != want || h.Get("Access-Control-Allow-Credentials") != "" ||
				want && h.Get("Access-Control-Allow-Origin") != origin || !want && h.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s from %q: %d %v", method, origin, resp.StatusCode, h)
			}
			if allowed := h.Get("Access-Control-Allow-Headers"); method == http.MethodOptions && want &&
				(!strings.Contains(allowed, "Authorization") || !strings.Contains(allowed, "Content-Type")) {
				t.Errorf("preflight of %q: %v", origin, h)
			}
		}
	}
}

func TestSocketIOTokenInTheHandshakesHeader(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.AuthTimeout = time.Minute })
	good, bad := mintToken(t, "alice", "member", time.Hour), mintToken(t, "alice", "member", time.Nanosecond)
	for name, tt := range map[string]struct {
		header, auth string
		let          bool
	}{
		"header":                         {"Bearer " + good, "", true},
		"header and empty auth":          {"Bearer " + good, "{}", true},
		"header and other auth":          {"bearer " + good, `{"x":1}`, true},
		"auth comes first":               {"Bearer " + bad, `{"token":"` + good + `"}`, true},
		"auth that is wrong comes first": {"Bearer " + good, `{"token":"` + bad + `"}`, false},
		"wrong header":                   {"Bearer " + bad, "", false},
		"a proxy's header":               {"Basic eDp5", `{"token":"` + good + `"}`, true},
		"no Bearer":                      {good, "", false},
	} {
		polled := &poller{t: t, base: r.url + "/socket.io/?EIO=4&transport=polling"}
		_, text := request(t, http.MethodGet, polled.base, "", "Authorization", tt.header)
		if err := json.Unmarshal([]byte(text[1:]), &polled.opened); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		ws, _, err := websocket.Dial(t.Context(), r.url+enginePath,
			&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {tt.header}}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ws.CloseNow() }()
		direct := packets{&socket{t: t, ws: ws}}
		direct.wantPrefix("0{")
		for transport, s := range map[string]session{"polling": &pollSession{poller: polled}, "websocket": direct} {
			s.put("40" + tt.auth)
			want := "44{"
			if tt.let {
				want = `40{"sid":`
			}
			if got := s.take(false); !strings.HasPrefix(got, want) {
				t.Errorf("%s, %s: %s", name, transport, got)
			}
		}
	}
}

// Sessions that poll end as WebSockets do: when the token expires or is revoked, and when
// the gateway is replaced. A poll that waits is told, and the next one finds no session.
func TestPollingSessionsEnd(t *testing.T) {
	t.Run("token expires", func(t *testing.T) {
		r := newRig(t)
		p := openPolling(t, r.url)
		p.signIn(mintToken(t, "alice", "member", time.Second))
		if got := p.poll(); !slices.Equal(got, []string{"1"}) {
			t.Errorf("%q", got)
		}
		p.wantEnded()
	})
	t.Run("token is revoked", func(t *testing.T) {
		nats := eventstest.Start(t)
		p := openPolling(t, startRevocable(t, nats))
		p.signIn(grant(t, "alice", "one"))
		revoke(t, nats, revocation.Entry{TokenID: "one"})
		if got := p.poll(); !slices.Equal(got, []string{"1"}) {
			t.Errorf("%q", got)
		}
		p.wantEnded()
	})
	t.Run("the gateway is replaced", func(t *testing.T) {
		r := newRig(t)
		_, second, _ := startGateway(t, r.nats)
		p, idle := openPolling(t, r.url), openPolling(t, r.url)
		p.signIn(mintToken(t, "alice", "member", time.Hour))
		polled := make(chan string, 1)
		go func() {
			defer close(polled)
			resp, err := http.Get(p.base + "&sid=" + p.SID)
			if err != nil {
				return // it came too late, as a slow machine has it
			}
			text, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			polled <- string(text)
		}()
		time.Sleep(100 * time.Millisecond) // so that the poll waits, most times
		r.stop()
		if got, ok := <-polled; ok && !strings.Contains(got, "unknown") {
			t.Errorf("%q", got)
		}
		idle.base = strings.Replace(idle.base, r.url, second, 1) // a balancer sends it elsewhere
		if status, text := idle.post("3"); status != http.StatusOK || text != "ok" {
			t.Errorf("a pong, after which python-socketio would not come back: %d %q", status, text)
		}
		for _, other := range []string{"2", "x", "40", "33"} {
			if status, text := idle.post(other); status != http.StatusBadRequest || !strings.Contains(text, "unknown") {
				t.Errorf("%q: %d %q", other, status, text)
			}
		}
		idle.wantEnded()
	})
	t.Run("the client goes", func(t *testing.T) {
		r := newRig(t)
		p := openPolling(t, r.url)
		p.signIn(mintToken(t, "alice", "member", time.Hour))
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"&sid="+p.SID, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(50*time.Millisecond, cancel)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			t.Fatal("the poll was answered")
		}
		// What was sent to it may be lost, so that the session must not go on.
		eventstest.Wait(t, "the session to end", func() bool { return r.gw.Connections() == 0 })
		p.wantEnded()
	})
}
