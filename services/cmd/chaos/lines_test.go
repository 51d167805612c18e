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

// fault is what befalls a line.
type fault string

const (
	cut  fault = "cut"  // every connection breaks, and none can be made
	slow fault = "slow" // each piece takes a fifth to two fifths of a second
	thin fault = "thin" // 32 KB a second
	torn fault = "torn" // each connection breaks after 20 KB
)

var (
	faults = []fault{cut, slow, thin, torn}
	// single break each connection once at most: the bound of calls to the IEC
	// counts on that.
	single = []fault{cut, slow, thin}
)

var toxics = map[fault]string{
	slow: `{"type": "latency", "stream": "%[1]s", "attributes": {"latency": 300, "jitter": 100}}`,
	thin: `{"type": "bandwidth", "stream": "%[1]s", "attributes": {"rate": 32}}`,
	torn: `{"type": "limit_data", "stream": "%[1]s", "attributes": {"bytes": 20000}}`,
}

// line is what one process reaches another by.
type line struct {
	proxy *toxiproxy.Proxy
	mu    sync.Mutex // held while it is broken
}

// newLine leads to an address and returns with one to dial instead.
func newLine(t *testing.T, name, to string) *line {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // its toxics have loggers of their own
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &line{proxy: toxiproxy.NewProxy(server, name, "127.0.0.1:0", to)}
	if err := l.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.proxy.Stop)
	return l
}

func (l *line) addr() string { return l.proxy.Listen }

// strike breaks the line for a while.
func (l *line) strike(f fault, lasts time.Duration) error {
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
				panic(err) // it was put there above
			}
		}()
	}
	time.Sleep(lasts)
	return nil
}
