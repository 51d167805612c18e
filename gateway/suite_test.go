package gateway_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/gateway"
)

// The cases of the protocols' own test suites, which are public: test-suite/test-suite.js in
// socketio/engine.io-protocol (revision 4) and socketio/socket.io-protocol (revision 5). The
// names are theirs. Where a case has the server echo a message, a request of ours and its
// answer stand for it.
//
// Which of their cases do not apply, and why:
//   - "should allow connection to a custom namespace", with or without a payload, and
//     "should connect then disconnect from a custom namespace": there is one namespace.
//     That another is refused is tested.
//   - The "auth" event after connect, and messages that come back with their arguments or
//     their binary attachments: this server echoes nothing. That it reads them is tested.
//   - The sid as the only field after connect: the connection can be recovered, so there is
//     a pid as well.

func suiteConfig(c *gateway.Config) {
	c.PingInterval, c.WriteTimeout, c.AuthTimeout = 300*time.Millisecond, 200*time.Millisecond, time.Second
}

func TestEngineIOSuiteOverPolling(t *testing.T) {
	r := newRig(t, suiteConfig)
	base, token := r.url+"/socket.io/", mintToken(t, "alice", "member", time.Hour)
	open := func(t *testing.T) *poller { t.Helper(); return openPolling(t, r.url) }
	refused := func(t *testing.T, method, query string, code int) {
		t.Helper()
		status, text := request(t, method, base+query, "")
		var body struct {
			Code    int
			Message string
		}
		if err := json.Unmarshal([]byte(text), &body); status != http.StatusBadRequest || err != nil ||
			body.Code != code || body.Message == "" {
			t.Errorf("%s %s: %d %q", method, query, status, text)
		}
	}

	t.Run("handshake: successfully opens a session", func(t *testing.T) {
		p := open(t)
		if p.SID == "" || !slices.Equal(p.Upgrades, []string{"websocket"}) ||
			p.PingInterval != 300 || p.PingTimeout != 200 || p.MaxPayload != 32<<10 {
			t.Errorf("%+v", p.opened)
		}
	})
	t.Run("handshake: fails with an invalid 'EIO' query parameter", func(t *testing.T) {
		refused(t, http.MethodGet, "?transport=polling", 5)
		refused(t, http.MethodGet, "?EIO=abc&transport=polling", 5)
		refused(t, http.MethodGet, "?EIO=3&transport=polling", 5)
	})
	t.Run("handshake: fails with an invalid 'transport' query parameter", func(t *testing.T) {
		refused(t, http.MethodGet, "?EIO=4", 0)
		refused(t, http.MethodGet, "?EIO=4&transport=abc", 0)
		refused(t, http.MethodGet, "?EIO=4&transport=polling&j=0", 3)
	})
	t.Run("handshake: fails with an invalid request method", func(t *testing.T) {
		refused(t, http.MethodPost, "?EIO=4&transport=polling", 2)
		refused(t, http.MethodPut, "?EIO=4&transport=polling", 2)
		refused(t, http.MethodPut, "?EIO=4&transport=polling&sid="+open(t).SID, 3)
		refused(t, http.MethodGet, "?EIO=4&transport=polling&sid=unknown", 1)
		refused(t, http.MethodPost, "?EIO=4&transport=polling&sid=unknown", 1)
	})
	t.Run("message: a payload containing one plain text packet", func(t *testing.T) {
		p := open(t)
		p.signIn(token)
		p.push(`42["ping"]`)
		if got := p.poll(); !slices.Equal(got, []string{`42["pong",{}]`}) {
			t.Errorf("%q", got)
		}
	})
	t.Run("message: a payload containing several plain text packets", func(t *testing.T) {
		p := open(t)
		p.signIn(token)
		p.push(`421["ping"]`, `422["ping"]`, `423["ping"]`)
		var got []string
		for len(got) < 3 {
			got = append(got, p.poll()...)
		}
		if !slices.Equal(got, []string{`431[{}]`, `432[{}]`, `433[{}]`}) {
			t.Errorf("%q", got)
		}
	})
	t.Run("message: a payload containing plain text and binary packets", func(t *testing.T) {
		p := open(t)
		p.signIn(token)
		p.push(`451-7["ping",{"_placeholder":true,"num":0}]`, "bAQIDBA==", `428["ping"]`)
		var got []string
		for len(got) < 2 {
			got = append(got, p.poll()...)
		}
		if !slices.Equal(got, []string{`437[{}]`, `438[{}]`}) {
			t.Errorf("%q", got)
		}
	})
	for name, body := range map[string]string{"": "abc", " (empty)": "", " (an empty packet)": "3\x1e",
		" (no base64)":                         "b=",
		" (binary that nothing has announced)": "bAQIDBA=="} {
		t.Run("message: closes the session upon invalid packet format"+name, func(t *testing.T) {
			p := open(t)
			if status, text := p.post(body); status != http.StatusBadRequest && body[0] != 'b' {
				t.Errorf("%d %q", status, text)
			}
			waitEnded(t, p)
		})
	}
	t.Run("message: closes the session upon duplicate poll requests", func(t *testing.T) {
		p := open(t)
		first := make(chan string)
		go func() { _, text := p.get(); first <- text }()
		var status int
		for waiting := true; waiting; { // the requests may overtake each other
			select {
			case text := <-first:
				if text != "1" {
					t.Errorf("the first: %q", text)
				}
				waiting = false
			case <-time.After(20 * time.Millisecond):
				status, _ = p.get()
			}
		}
		if status != http.StatusBadRequest {
			t.Errorf("the second: %d", status)
		}
		p.wantEnded()
	})
	t.Run("heartbeat: sends ping/pong packets", func(t *testing.T) {
		p := open(t)
		for range 3 {
			if status, text := p.get(); status != http.StatusOK || text != "2" {
				t.Fatalf("%d %q", status, text)
			}
			p.push("3")
		}
	})
	t.Run("heartbeat: closes the session upon ping timeout", func(t *testing.T) {
		p := open(t)
		waitEnded(t, p)
	})
	t.Run("close: forcefully closes the session", func(t *testing.T) {
		p := open(t)
		polled := make(chan string)
		go func() { _, text := p.get(); polled <- text }()
		time.Sleep(20 * time.Millisecond) // so that the poll waits, most times; both orders are right
		p.push("1")
		if text := <-polled; text != "6" && !strings.Contains(text, "Session ID unknown") {
			t.Errorf("%q", text)
		}
		p.wantEnded()
	})
}

// waitEnded waits for the end of a session that does not poll.
func waitEnded(t *testing.T, p *poller) {
	t.Helper()
	// Not a poll: one would answer the ping.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if status, _ := p.do(http.MethodPut, ""); status == http.StatusBadRequest {
			if _, text := p.do(http.MethodPut, ""); strings.Contains(text, "Session ID unknown") {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the session has not ended within 10 s")
		}
	}
	p.wantEnded()
	if status, text := p.post("40"); status != http.StatusBadRequest {
		t.Errorf("post: %d %q", status, text)
	}
}

func TestEngineIOSuiteOverWebSocket(t *testing.T) {
	r := newRig(t, suiteConfig)
	token := mintToken(t, "alice", "member", time.Hour)
	t.Run("handshake: successfully opens a session", func(t *testing.T) {
		var o opened
		text := dialEngine(t, r.url).wantPrefix("0{")
		if err := json.Unmarshal([]byte(text[1:]), &o); err != nil || o.SID == "" || o.Upgrades == nil ||
			len(o.Upgrades) > 0 || o.PingInterval != 300 || o.PingTimeout != 200 || o.MaxPayload != 32<<10 {
			t.Errorf("%s: %v", text, err)
		}
	})
	for _, query := range []string{"?transport=websocket", "?EIO=abc&transport=websocket", "?EIO=3&transport=websocket",
		"?EIO=4", "?EIO=4&transport=abc", "?EIO=4&transport=websocket&sid=unknown"} {
		t.Run("handshake: fails with an invalid query parameter "+query, func(t *testing.T) {
			_, resp, err := websocket.Dial(t.Context(), r.url+"/socket.io/"+query, nil)
			if err == nil || resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%v %v", resp, err)
			}
		})
	}
	for name, tt := range map[string]struct{ connect, send, want string }{
		"message: a plain text packet": {token, `42["ping"]`, `42["pong",{}]`},
		"heartbeat: sends a ping":      {"", "", "2"},
	} {
		t.Run(name, func(t *testing.T) {
			p := dialEngine(t, r.url)
			p.wantPrefix("0{")
			if tt.connect != "" {
				p.write(`40{"token":"` + tt.connect + `"}`)
				p.wantPrefix("40{")
			}
			if tt.send != "" {
				p.write(tt.send)
			}
			p.wantPrefix(tt.want)
		})
	}
	for name, packet := range map[string]string{"message: closes the session upon invalid packet format": "abc",
		"message: closes the session upon an empty packet": "", "close: forcefully closes the session": "1"} {
		t.Run(name, func(t *testing.T) {
			p := dialEngine(t, r.url)
			p.wantPrefix("0{")
			p.put(packet)
			if got := p.take(false); got != closed {
				t.Errorf("got %q", got)
			}
		})
	}
	t.Run("heartbeat: closes the session upon ping timeout", func(t *testing.T) {
		p := dialEngine(t, r.url)
		for _, want := range []string{"0{", "2"} {
			p.wantPrefix(want)
		}
		if got := p.take(false); got != closed {
			t.Errorf("got %q", got)
		}
	})
}

func TestEngineIOSuiteUpgrades(t *testing.T) {
	r := newRig(t, suiteConfig)
	token := mintToken(t, "alice", "member", time.Hour)
	t.Run("successfully upgrades from HTTP long-polling to WebSocket", func(t *testing.T) {
		p := openPolling(t, r.url)
		p.signIn(token)
		ws := p.dialUpgrade()
		ws.write("2probe")
		ws.wantPrefix("3probe")
		if status, text := p.get(); status != http.StatusOK || text != "6" {
			t.Errorf("the poll: %d %q", status, text)
		}
		ws.write("5")
		ws.write(`421["ping"]`)
		ws.wantPrefix(`431[{}]`)
	})
	t.Run("ignores HTTP requests with same sid after upgrade", func(t *testing.T) {
		p := openPolling(t, r.url)
		p.signIn(token)
		ws := p.dialUpgrade()
		ws.write("2probe")
		ws.write("5") // without waiting, as the suite does
		if status, text := p.get(); status != http.StatusBadRequest {
			t.Errorf("get: %d %q", status, text)
		}
		if status, text := p.post("40"); status != http.StatusBadRequest {
			t.Errorf("post: %d %q", status, text)
		}
		ws.write(`421["ping"]`)
		ws.wantPrefix("3probe")
		ws.wantPrefix(`431[{}]`)
	})
	t.Run("ignores WebSocket connection with same sid after upgrade", func(t *testing.T) {
		p := openPolling(t, r.url)
		p.signIn(token)
		ws := p.upgrade()
		ws.write(`421["ping"]`)
		ws.wantPrefix(`431[{}]`)
		_, resp, err := websocket.Dial(t.Context(),
			strings.Replace(p.base, "polling", "websocket", 1)+"&sid="+p.SID, nil)
		if err == nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%v %v", resp, err)
		}
		ws.write(`422["ping"]`)
		ws.wantPrefix(`432[{}]`)
	})
}

// The cases of Socket.IO, over both transports.
func TestSocketIOSuite(t *testing.T) {
	r := newRig(t, suiteConfig)
	token := mintToken(t, "alice", "member", time.Hour)
	connect := `40{"token":"` + token + `"}`
	for name, tt := range map[string]struct {
		send   []string // bytes after a "b" are binary
		want   string   // the prefix of the last packet that comes, or closed
		before int      // packets that come before it
	}{
		"connect: should allow connection to the main namespace with a payload": {
			[]string{connect}, `40{"sid":"`, 0},
		"connect: should disallow connection without a token": {
			[]string{"40"},
			`44{"data":{"code":"unauthenticated"`, 0},
		"connect: should disallow connection to an unknown namespace": {
			[]string{"40/random"},
			`44/random,{"message":"Invalid namespace"}`, 0},
		"connect: should disallow connection to an unknown namespace with a payload": {
			[]string{`40/random,{"token":"x"}`},
			`44/random,{"message":"Invalid namespace"}`, 0},
		"connect: should disallow connection with an invalid handshake": {
			[]string{"4abc"}, closed, 0},
		"connect: should close the connection if no handshake is received": {
			nil, closed, 0},
		"disconnect: should disconnect from the main namespace": {
			[]string{connect, "41"}, "2", 1},
		"disconnect: should not hear the client after that": {
			[]string{connect, "41", `42["ping"]`}, closed, 0},
		"disconnect: should allow connection once more": {
			[]string{connect, "41", connect}, `40{"sid":"`, 1},
		"message: should send a plain-text packet": {
			[]string{connect, `42["ping",1,"2",{"3":[true]}]`}, `42["pong",{}]`, 1},
		"message: should send a packet with binary attachments": {
			[]string{connect, `452-["ping",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`,
				"b\x01\x02\x03", "b\x04"},
			`42["pong",{}]`, 1},
		"message: should send a plain-text packet with an ack": {
			[]string{connect, `42456["ping",1,"2",{"3":[false]}]`}, `43456[{}]`, 1},
		"message: should send a packet with binary attachments and an ack": {
			[]string{connect, `452-789["ping",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`,
				"b\x01\x02\x03", "b\x04"},
			`43789[{}]`, 1},
		"message: should refuse binary data for a job": {
			[]string{connect, `451-7["subscribe_bulk_upload_job",{"_placeholder":true,"num":0}]`, "b\x01"},
			`437[{"error":{"code":"bad_request"`, 1},
		"message: should take an ack that was not asked for": {
			[]string{connect, `4317[]`, `461-18[{"_placeholder":true,"num":0}]`, "b\x01", `421["ping"]`}, `431[{}]`, 1},
		"message: should close the connection upon invalid format (unknown type)": {
			[]string{connect, "4abc"}, closed, 0},
		"message: should close the connection upon invalid format (payload)": {
			[]string{connect, "42{}"}, closed, 0},
		"message: should close the connection upon invalid format (ack id)": {
			[]string{connect, `42abc["ping",1]`}, closed, 0},
		"message: should close the connection upon binary data of nothing": {
			[]string{connect, "b\x01"}, closed, 0},
		"message: should close the connection upon text before the attachments": {
			[]string{connect, `451-["ping"]`, `42["ping"]`}, closed, 0},
		"message: should close the connection upon too many attachments": {
			[]string{connect, `4511-["ping"]`}, closed, 0},
	} {
		run := func(transport string, open func(*testing.T) session) {
			t.Run(name+", "+transport, func(t *testing.T) {
				t.Parallel()
				s := open(t)
				for _, packet := range tt.send {
					s.put(packet)
				}
				for range tt.before {
					if got := s.take(tt.want == "2"); got == closed {
						t.Fatal("closed")
					}
				}
				if got := s.take(tt.want == "2"); !strings.HasPrefix(got, tt.want) {
					for tt.want == closed && got != closed { // what it was answered before
						got = s.take(false)
					}
					if tt.want != closed {
						t.Errorf("got %q", got)
					}
				}
			})
		}
		run("polling", func(t *testing.T) session { return &pollSession{poller: openPolling(t, r.url)} })
		run("websocket", func(t *testing.T) session {
			p := dialEngine(t, r.url)
			p.wantPrefix("0{")
			return p
		})
		run("upgraded", func(t *testing.T) session { return openPolling(t, r.url).upgrade() })
	}
}
