package chaos

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// faultKind is what happens to a link.
type faultKind string

const (
	cut  faultKind = "cut"  // all connections break, and new ones are refused
	slow faultKind = "slow" // latency of 200 to 400 ms
	thin faultKind = "thin" // 32 KB per second
	torn faultKind = "torn" // each connection breaks after 20 KB
	lost faultKind = "lost" // what is sent does not arrive, and nobody is told
)

var (
	allKinds = []faultKind{cut, slow, thin, torn, lost}
	// breakOnceKinds break each connection at most once, which the bound of calls to the
	// IEC relies on.
	breakOnceKinds = []faultKind{cut, slow, thin, lost}
)

var toxics = map[faultKind]string{
	slow: `{"type": "latency", "stream": "%[1]s", "attributes": {"latency": 300, "jitter": 100}}`,
	thin: `{"type": "bandwidth", "stream": "%[1]s", "attributes": {"rate": 32}}`,
	lost: `{"type": "timeout", "stream": "%[1]s", "attributes": {"timeout": 0}}`,
	torn: `{"type": "limit_data", "stream": "%[1]s", "attributes": {"bytes": 20000}}`,
}

// link is the connection of one process to another.
type link struct {
	proxy *toxiproxy.Proxy
	mu    sync.Mutex // held while the link is broken
}

// newLink returns a link to an address. Dial its addr instead.
func newLink(t *testing.T, name, to string) *link {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // its toxics have loggers of their own
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &link{proxy: toxiproxy.NewProxy(server, name, "127.0.0.1:0", to)}
	if err := l.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.proxy.Stop)
	return l
}

func (l *link) addr() string { return l.proxy.Listen }

// breakFor breaks the link for a while.
func (l *link) breakFor(f faultKind, lasts time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f == cut {
		l.proxy.Stop()
		time.Sleep(lasts)
		return l.proxy.Start()
	}
	for _, stream := range []string{"upstream", "downstream"} {
		toxic, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(toxics[f], stream)))
		if err != nil {
			return fmt.Errorf("%s %s: %w", f, l.proxy.Name, err)
		}
		defer func() {
			if err := l.proxy.Toxics.RemoveToxic(context.Background(), toxic.Name); err != nil {
				panic(err) // it was added above
			}
		}()
	}
	time.Sleep(lasts)
	return nil
}
