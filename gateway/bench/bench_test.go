//go:build unix

package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if runRole(os.Getenv(roleVariable)) {
		return
	}
	os.Exit(m.Run())
}

// The load test with the smallest possible load.
func TestTinyLoad(t *testing.T) {
	for _, transport := range []string{transportWebSocket, transportPolling, transportUpgrade} {
		t.Run(transport, func(t *testing.T) { testTinyLoad(t, transport) })
	}
}

func testTinyLoad(t *testing.T, transport string) {
	t.Parallel()
	var out strings.Builder
	l := load{Transport: transport, Clients: 40, Jobs: 8, History: 3, Rate: 50, Time: 2 * time.Second, Dir: t.TempDir(),
		Gateways: 2, Processes: 2}
	r, err := run(t.Context(), l, &out)
	if err != nil {
		t.Fatal(err)
	}
	// 100 facts three times, each to 5 clients. Each gateway is replaced twice.
	if want := 40*3 + 3*100*5; r.facts != want || r.reconnects < 80 {
		t.Errorf("%d facts received, want %d; %d reconnects, want 80\n%s", r.facts, want, r.reconnects, out.String())
	}
	if !strings.Contains(out.String(), "publish to receive") {
		t.Errorf("report:\n%s", out.String())
	}
}
