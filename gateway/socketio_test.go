package gateway_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events/refusal"
	"rollcall.example/gateway"
)

const enginePath = "/socket.io/?EIO=4&transport=websocket"

// packets is a Socket.IO client that can also send what no real one would.
type packets struct{ *socket }

func dialEngine(t *testing.T, url string) packets {
	t.Helper()
	return packets{dial(t, url+enginePath, "")}
}

func (p packets) write(text string) {
	p.t.Helper()
	if err := p.ws.Write(p.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

func (p packets) read() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, text, err := p.ws.Read(ctx)
	return string(text), err
}

// wantPrefix reads the next packet, which must start with want.
func (p packets) wantPrefix(want string) string {
	p.t.Helper()
	got, err := p.read()
	if err != nil || !strings.HasPrefix(got, want) {
		p.t.Fatalf("want %s..., got %s, %v", want, got, err)
	}
	return got
}

func TestSocketIOHandshake(t *testing.T) {
	r := newRig(t)
	for query, code := range map[string]float64{
		"EIO=4":                               0,
		"EIO=3&transport=websocket":           5,
		"":                                    5,
		"EIO=4&transport=websocket&sid=abcde": 1,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			req, err := http.NewRequestWithContext(t.Context(), method, r.url+"/socket.io/?"+query, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			var body map[string]any
			err = json.NewDecoder(resp.Body).Decode(&body)
			if err != nil || resp.StatusCode != http.StatusBadRequest || body["code"] != code || body["message"] == "" {
				t.Errorf("%s %q: %s %v %v", method, query, resp.Status, body, err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	_, resp, err := websocket.Dial(t.Context(), r.url+enginePath,
		&websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}}})
	if err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("foreign page: %v %v", resp, err)
	}
	var open struct {
		SID                                   string
		Upgrades                              []string
		PingInterval, PingTimeout, MaxPayload int
	}
	p := dialEngine(t, r.url)
	if err := json.Unmarshal([]byte(p.wantPrefix("0{")[1:]), &open); err != nil || open.SID == "" ||
		open.Upgrades == nil || len(open.Upgrades) > 0 ||
		open.PingInterval != 30_000 || open.PingTimeout != 10_000 || open.MaxPayload != 32<<10 {
		t.Errorf("%+v, %v", open, err)
	}
}

func TestSocketIOPackets(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.AuthTimeout = 2 * time.Second })
	token := mintToken(t, "alice", "member", time.Hour)
	connect := `40{"token":"` + token + `"}`
	for name, tc := range map[string]struct {
		before, packet string
		code           websocket.StatusCode
	}{
		"nothing":                  {"", "", websocket.StatusProtocolError},
		"no such packet":           {"", "9", websocket.StatusProtocolError},
		"an upgrade":               {"", "5", websocket.StatusProtocolError},
		"an event before connect":  {"", `42["ping"]`, websocket.StatusProtocolError},
		"connected already":        {connect, connect, websocket.StatusProtocolError},
		"an event without a name":  {connect, `42[]`, websocket.StatusProtocolError},
		"an event that is no list": {connect, `42{}`, websocket.StatusProtocolError},
		"a bad id":                 {connect, `42-1["ping"]`, websocket.StatusProtocolError},
		"text before attachments":  {connect, `451-["x",{"_placeholder":true,"num":0}]`, websocket.StatusProtocolError},
		"never connects":           {"", `3`, refusal.CloseUnauthenticated},
		"a wrong token, and waits": {"", `40{"token":"x"}`, refusal.CloseUnauthenticated},
		"the namespace is left":    {connect, `41`, websocket.StatusNormalClosure},
		"the connection is closed": {connect, `1`, websocket.StatusNormalClosure},
	} {
		t.Run(name, func(t *testing.T) {
			p := dialEngine(t, r.url)
			p.wantPrefix("0{")
			if tc.before != "" {
				p.write(tc.before)
				p.wantPrefix("40{")
			}
			p.write(tc.packet)
			if strings.HasPrefix(tc.packet, "451-") {
				p.write(`42["ping"]`)
			}
			for {
				if _, err := p.read(); err != nil {
					if code := websocket.CloseStatus(err); code != tc.code {
						t.Errorf("closed with %d, %v", code, err)
					}
					return
				}
			}
		})
	}
	p := dialEngine(t, r.url)
	p.wantPrefix("0{")
	p.write(`40/admin,{"token":"` + token + `"}`)
	p.wantPrefix(`44/admin,{"message":"Invalid namespace"}`)
	p.write(`40{"token":"x"}`)
	p.wantPrefix(`44{"data":{"code":"unauthenticated"`)
	p.write(`40/,{"token":"` + token + `"}`)
	p.wantPrefix("40{")
	p.write(`42/,17["ping"]`)
	p.wantPrefix(`4317[{}]`)
	p.write(`42["ping"]`)
	p.wantPrefix(`42["pong",{}]`)
}

func TestSocketIOPings(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) {
		c.PingInterval, c.WriteTimeout = 20*time.Millisecond,
			300*time.Millisecond
	})
	p := dialEngine(t, r.url)
	p.wantPrefix("0{")
	for range 5 {
		p.wantPrefix("2")
		p.write("3")
	}
	p.wantPrefix("2")
	for {
		if _, err := p.read(); err != nil {
			if code := websocket.CloseStatus(err); code != refusal.ClosePingTimeout {
				t.Fatalf("closed with %d", code)
			}
			return
		}
	}
}
