package webhook

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
)

// A user who registers any URL learns of no name whether it resolves, to what, and of no
// port whether somebody listens. The operator's log says so.
func TestUsersLearnNothingOfTheNetwork(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closedPort := closed.Addr().(*net.TCPAddr).Port
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	silent := newReceiver(t, func(_ int, _ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	plain := newReceiver(t, answerOK)
	inside := &changingDNS{lookups: [][]netip.Addr{{netip.MustParseAddr("127.0.0.1")}}}
	nowhere := &changingDNS{lookups: [][]netip.Addr{{}}}
	for name, tt := range map[string]struct {
		url     string
		private bool
		dns     *changingDNS
		logged  string
	}{
		"no such name":      {"https://db.internal.example/", false, nowhere, "no such host"},
		"a name inside":     {"https://db.internal.example/", false, inside, "prohibited IP address"},
		"a private address": {"https://10.0.0.1:5432/", false, nil, "prohibited IP address"},
		"a closed port":     {fmt.Sprintf("http://127.0.0.1:%d/", closedPort), true, nil, "connection refused"},
		"a silent server":   {silent.URL, true, nil, "deadline exceeded"},
		"no TLS":            {"https" + strings.TrimPrefix(plain.URL, "http"), true, nil, "HTTP response to HTTPS client"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) {
				c.Private, c.Timeout, c.Waits = tt.private, 500*time.Millisecond, []time.Duration{}
				if tt.dns != nil {
					c.resolver = tt.dns.newResolver(t)
				}
			})
			r.addWebhook("wh-1", tt.url, "", events.KindFailed)
			r.failJob(alice)
			got := r.waitState("wh-1", "failed")
			if got.Status != nil || *got.Error != "the receiver could not be reached" {
				t.Errorf("the user reads %q", *got.Error)
			}
			if !strings.Contains(r.logs.String(), tt.logged) {
				t.Errorf("no %q in the log: %s", tt.logged, r.logs)
			}
		})
	}
}
