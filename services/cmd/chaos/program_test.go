package chaos

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// givenAddrs are the addresses that freeAddr has returned.
var givenAddrs sync.Map

// freeAddr returns a free address, each only once. Its port is below the ephemeral ones,
// so that no other process gets it while the one that listens on it is down.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		if _, given := givenAddrs.LoadOrStore(addr, true); given {
			continue // its process may not listen yet
		}
		if ln, err := net.Listen("tcp", addr); err == nil {
			_ = ln.Close() // it has no connections
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// buildPrograms builds programs of the workspace into a folder and returns it.
func buildPrograms(t *testing.T, packages ...string) string {
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

var idNumberPattern = regexp.MustCompile(`\b[0-9]{13}\b`)
