package webhook

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"rollcall.example/events"
)

// unusedAddr is a public address of a network that is not assigned to anybody.
var unusedAddr = netip.MustParseAddr("2c0f:ff00::1")

// changingDNS is a DNS server. The nth lookup gets the nth addresses, and all further
// ones get the last.
type changingDNS struct {
	lookups [][]netip.Addr
	v4, v6  atomic.Int64 // questions; a lookup asks one of each
}

// newResolver starts the server until the test ends and returns a resolver that asks
// it.
func (f *changingDNS) newResolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = conn.Close() // ends the reading
		<-done
	})
	go func() {
		defer close(done)
		packet := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			answer, err := f.answer(packet[:n])
			if err == nil {
				_, err = conn.WriteTo(answer, from)
			}
			if err != nil {
				t.Error(err)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (f *changingDNS) answer(packet []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(packet); err != nil {
		return nil, err
	}
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	q := m.Questions[0]
	asked := &f.v4
	if q.Type == dnsmessage.TypeAAAA {
		asked = &f.v6
	}
	lookup := min(int(asked.Add(1)), len(f.lookups)) - 1
	for _, a := range f.lookups[lookup] {
		head := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 0}
		switch {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}})
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head,
				Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	return m.Pack()
}

// A name that resolves to a public address first and to a private one later reaches
// nothing, because the address is checked as it is dialled.
func TestDNSRebindingDoesNotReachPrivateAddresses(t *testing.T) {
	own := netip.MustParseAddr("127.0.0.1")
	for name, tt := range map[string]struct {
		private bool
		lookups [][]netip.Addr
		state   string
		reached int
	}{
		"public, then own": {false, [][]netip.Addr{{unusedAddr}, {own}}, "failed", 0},
		"both at once":     {false, [][]netip.Addr{{unusedAddr, own}}, "failed", 0},
		"own address mapped to IPv6": {false,
			[][]netip.Addr{{unusedAddr}, {netip.MustParseAddr("::ffff:127.0.0.1")}}, "failed", 0},
		"public, then own, private allowed": {true, [][]netip.Addr{{unusedAddr}, {own}}, "delivered",
			1}, // the name does lead there
		"nowhere, then own, private allowed": {true, [][]netip.Addr{{}, {own}}, "delivered", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dns := &changingDNS{lookups: tt.lookups}
			resolver := dns.newResolver(t)
			r := newRig(t, func(c *Config) {
				c.Private, c.resolver, c.Timeout, c.Waits = tt.private, resolver, time.Second,
					[]time.Duration{time.Millisecond}
			})
			rec := newReceiver(t, answerOK)
			_, port, _ := strings.Cut(strings.TrimPrefix(rec.URL, "http://"), ":")
			r.addWebhook("wh-1", "http://hook.example:"+port+"/", "", events.KindFailed)
			r.failJob(alice)
			got := r.waitState("wh-1", tt.state)
			if got.Attempts != 2 || rec.countRequests() != tt.reached || dns.v4.Load() != 2 {
				t.Errorf("%+v, %d requests, %d lookups\n%s", got, rec.countRequests(), dns.v4.Load(), r.logs)
			}
			refused := strings.Count(r.logs.String(), "prohibited IP address")
			if name == "public, then own" && (refused != 1 || *got.Error != errUnreachable.Error()) {
				t.Errorf("refused %d times, at last: %s", refused, *got.Error)
			}
		})
	}
}
