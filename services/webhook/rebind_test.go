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

// A public address of a network that nobody has been given.
var nobody = netip.MustParseAddr("2c0f:ff00::1")

// fickle is a DNS server of which each lookup hears what is said for it, and all
// later ones what is said last.
type fickle struct {
	lookups [][]netip.Addr
	v4, v6  atomic.Int64 // questions; a lookup asks one of each
}

// resolver asks this server until the test ends.
func (f *fickle) resolver(t *testing.T) *net.Resolver {
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

func (f *fickle) answer(packet []byte) ([]byte, error) {
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
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	return m.Pack()
}

// A name that is public when it is looked at and the server's own a moment later
// leads nowhere: it is the address that is dialled that is looked at.
func TestANameThatChangesItsMindLeadsNowhere(t *testing.T) {
	own := netip.MustParseAddr("127.0.0.1")
	for name, tt := range map[string]struct {
		private bool
		lookups [][]netip.Addr
		state   string
		reached int
	}{
		"public, then own":                    {false, [][]netip.Addr{{nobody}, {own}}, "failed", 0},
		"both at once":                        {false, [][]netip.Addr{{nobody, own}}, "failed", 0},
		"own as IPv6 has it":                  {false, [][]netip.Addr{{nobody}, {netip.MustParseAddr("::ffff:127.0.0.1")}}, "failed", 0},
		"public, then own, which is allowed":  {true, [][]netip.Addr{{nobody}, {own}}, "delivered", 1}, // so the name does lead there
		"nowhere, then own, which is allowed": {true, [][]netip.Addr{{}, {own}}, "delivered", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dns := &fickle{lookups: tt.lookups}
			resolver := dns.resolver(t)
			r := newRig(t, func(c *Config) {
				c.Private, c.resolver, c.Timeout, c.Waits = tt.private, resolver, time.Second, []time.Duration{time.Millisecond}
			})
			rec := newReceiver(t, ok)
			_, port, _ := strings.Cut(strings.TrimPrefix(rec.URL, "http://"), ":")
			r.hook("wh-1", "http://hook.example:"+port+"/", "", events.KindFailed)
			r.failed(alice)
			got := r.waitState("wh-1", tt.state)
			if got.Attempts != 2 || rec.count() != tt.reached || dns.v4.Load() != 2 {
				t.Errorf("%+v, %d requests, %d lookups\n%s", got, rec.count(), dns.v4.Load(), r.logs)
			}
			refused := strings.Count(r.logs.String(), errPrivate.Error())
			if name == "public, then own" && (refused != 1 || *got.Error != errPrivate.Error()) {
				t.Errorf("refused %d times, at last: %s", refused, *got.Error)
			}
		})
	}
}
