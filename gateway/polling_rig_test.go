package gateway_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// opened is the first packet of a session.
type opened struct {
	SID                                   string   `json:"sid"`
	Upgrades                              []string `json:"upgrades"`
	PingInterval, PingTimeout, MaxPayload int
}

// poller is a client that polls, and can also send what no real one would.
type poller struct {
	t    *testing.T
	base string // with the query of the protocol
	opened
}

func openPolling(t *testing.T, url string) *poller {
	t.Helper()
	p := &poller{t: t, base: url + "/socket.io/?EIO=4&transport=polling"}
	status, text := p.do(http.MethodGet, "")
	if status != http.StatusOK || !strings.HasPrefix(text, "0{") || json.Unmarshal([]byte(text[1:]), &p.opened) != nil {
		t.Fatalf("open: %d %q", status, text)
	}
	return p
}

func (p *poller) do(method, body string) (status int, text string) {
	p.t.Helper()
	url := p.base
	if p.SID != "" {
		url += "&sid=" + p.SID
	}
	return request(p.t, method, url, body)
}

func (p *poller) get() (status int, text string)             { return p.do(http.MethodGet, "") }
func (p *poller) post(body string) (status int, text string) { return p.do(http.MethodPost, body) }

// push sends packets that are taken.
func (p *poller) push(packets ...string) {
	p.t.Helper()
	if status, text := p.post(strings.Join(packets, "\x1e")); status != http.StatusOK || text != "ok" {
		p.t.Fatalf("post %q: %d %q", packets, status, text)
	}
}

// poll returns the packets that come next, but pings.
func (p *poller) poll() (packets []string) {
	p.t.Helper()
	for len(packets) == 0 {
		status, text := p.get()
		if status != http.StatusOK {
			p.t.Fatalf("poll: %d %q", status, text)
		}
		for packet := range strings.SplitSeq(text, "\x1e") {
			if packet == "2" {
				p.push("3")
			} else {
				packets = append(packets, packet)
			}
		}
	}
	return packets
}

// wantEnded checks that the session is no more.
func (p *poller) wantEnded() {
	p.t.Helper()
	status, text := p.get()
	var refused struct{ Code *int }
	if err := json.Unmarshal([]byte(text), &refused); status != http.StatusBadRequest || err != nil ||
		refused.Code == nil || *refused.Code != 1 {
		p.t.Fatalf("the session has not ended: %d %q", status, text)
	}
}

// signIn connects to the namespace.
func (p *poller) signIn(token string) {
	p.t.Helper()
	p.push(`40{"token":"` + token + `"}`)
	if got := p.poll(); len(got) != 1 || !strings.HasPrefix(got[0], "40{") {
		p.t.Fatalf("connect: %q", got)
	}
}

// dialUpgrade opens the WebSocket that the session may go over to.
func (p *poller) dialUpgrade() packets {
	p.t.Helper()
	ws, resp, err := websocket.Dial(p.t.Context(),
		strings.Replace(p.base, "transport=polling", "transport=websocket", 1)+"&sid="+p.SID, nil)
	if err != nil {
		p.t.Fatalf("upgrade: %v %v", err, resp)
	}
	p.t.Cleanup(func() { _ = ws.CloseNow() })
	return packets{&socket{t: p.t, ws: ws}}
}

// upgrade goes over to a WebSocket as the official client does.
func (p *poller) upgrade() packets {
	p.t.Helper()
	ws := p.dialUpgrade()
	ws.write("2probe")
	ws.wantPrefix("3probe")
	ws.write("5")
	return ws
}

// request sends a request and returns its answer.
func request(t *testing.T, method, url, body string, header ...string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(got)
}

// closed is what take returns at the end of a session.
const closed = "closed"

// session is a client over one of the transports. A packet after a "b" is binary.
type session interface {
	put(packet string)
	// take returns the next packet. It answers pings, and returns them if they are wanted.
	take(pings bool) string
}

func (p packets) put(packet string) {
	p.t.Helper()
	kind, data := websocket.MessageText, packet
	if strings.HasPrefix(packet, "b") {
		kind, data = websocket.MessageBinary, packet[1:]
	}
	_ = p.ws.Write(p.t.Context(), kind, []byte(data)) // may be closed already
}

func (p packets) take(pings bool) string {
	p.t.Helper()
	for {
		text, err := p.read()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			p.t.Fatal("nothing came")
		case err != nil:
			return closed
		case text == "2" && !pings:
			p.put("3")
		default:
			return text
		}
	}
}

// pollSession is a session that polls for each packet that it wants.
type pollSession struct {
	*poller
	got []string
}

func (p *pollSession) put(packet string) {
	p.t.Helper()
	if strings.HasPrefix(packet, "b") {
		packet = "b" + base64.StdEncoding.EncodeToString([]byte(packet[1:]))
	}
	p.post(packet)
}

func (p *pollSession) take(pings bool) string {
	p.t.Helper()
	for {
		for len(p.got) == 0 {
			status, text := p.get()
			if status != http.StatusOK {
				return closed
			}
			p.got = strings.Split(text, "\x1e")
		}
		text := p.got[0]
		switch p.got = p.got[1:]; {
		case text == "1":
			return closed
		case text == "2" && !pings:
			p.post("3")
		case text != "6":
			return text
		}
	}
}
