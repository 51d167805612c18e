package chaos

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func (p *process) healthy(t *testing.T) {
	t.Helper()
	if p.addr == "" {
		return
	}
	wait(t, p.name+" to be healthy", time.Minute, func() bool {
		resp, err := http.Get(p.addr + "/healthz")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
}

func wait(t *testing.T, what string, atMost time.Duration, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(atMost); !cond(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// freeAddr is below the ports that a system hands out by itself: nobody is given
// it while the process that listens on it is down.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		if ln, err := net.Listen("tcp", addr); err == nil {
			_ = ln.Close() // nobody has used it
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// build returns a folder with programs of the workspace.
func build(t *testing.T, packages ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, pkg := range packages {
		name := filepath.Base(strings.TrimSuffix(pkg, "/v2"))
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, name), pkg)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", pkg, err, out)
		}
	}
	return dir
}

var idNumbers = regexp.MustCompile(`\b[0-9]{13}\b`)
