package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const domain = "rollcall.example/"

// libraries are the rooms that every service may use. All others below services are
// services: each knows events, schema and libraries, and never another service. Only
// what composes the program enters its room.
var libraries = []string{
	"services/csvfile", "services/httpserver", "services/postgres", "services/rejects", "services/rows",
	"services/sheets", "services/tracing", "services/workbook",
}

// parts are the packages that a room is made of beside its own. The REST face answers
// for those that do its work and calls them by name: an interface for each, with the
// one implementation that there is, would only hide them. They know neither the face
// nor each other.
var parts = map[string][]string{
	"services/api": {
		"services/upload", "services/jobs", "services/webhook/registry", "services/mail/settings",
		"services/rowhistory", "services/wards", "services/pdf", "services/template", "services/validation/inspect",
	},
}

// Imports go one way: schema <- events <- gateway <- services/app <- services/cmd, and
// schema, events <- services. Packages for tests are imported by tests only.
func TestImportsGoOneWay(t *testing.T) {
	imports := packageImports(t)
	if len(imports) < 15 {
		t.Fatalf("only %d packages seen", len(imports))
	}
	for from, list := range imports {
		for _, to := range list {
			if !mayImport(from, to) {
				t.Errorf("%s must not import %s", from, to)
			}
			if strings.HasSuffix(path.Base(to), "test") && !strings.HasSuffix(path.Base(from), "test") {
				t.Errorf("%s imports %s, which is for tests", from, to)
			}
		}
	}
}

// The compiler refuses circles of packages. Rooms with several packages could still form one.
func TestRoomsFormNoCircle(t *testing.T) {
	next := map[string]map[string]bool{}
	for from, list := range packageImports(t) {
		for _, to := range list {
			if a, b := room(from), room(to); a != b {
				if next[a] == nil {
					next[a] = map[string]bool{}
				}
				next[a][b] = true
			}
		}
	}
	var visit func(trail []string)
	done := map[string]bool{}
	visit = func(trail []string) {
		at := trail[len(trail)-1]
		for to := range next[at] {
			if i := slices.Index(trail, to); i >= 0 {
				t.Errorf("a circle: %s", strings.Join(append(trail[i:], to), " -> "))
			} else if !done[to] {
				visit(append(slices.Clone(trail), to))
			}
		}
		done[at] = true
	}
	for _, from := range slices.Sorted(maps.Keys(next)) {
		visit([]string{from})
	}
}

func TestMayImport(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"schema", "events", false},
		{"events/stage", "schema", true},
		{"events", "gateway/auth", false},
		{"gateway/client", "events/refusal", true},
		{"gateway", "services/upload", false},
		{"services/app", "gateway", true},
		{"services/app", "services/iec/sim", true},
		{"services/app", "services/cmd/rollcall", false},
		{"services/cmd/rollcall", "services/app", true},
		{"services/api", "services/app", false},
		{"services/api", "services/jobs", true},
		{"services/api", "services/upload", true},
		{"services/api", "services/webhook/registry", true},
		{"services/api", "services/webhook", false},
		{"services/api", "services/iec", false},
		{"services/api", "services/api/lists", true},
		{"services/api/lists", "services/api/rest", true},
		{"services/api/lists", "services/api/steer", false},
		{"services/api/rest", "services/api", false},
		{"services/api/apitest", "services/app", true},
		{"services/upload", "services/jobs", false},
		{"services/jobs", "services/api", false},
		{"services/persistence", "services/postgres", true},
		{"services/doctor", "gateway/auth", false},
		{"services/verify", "services/report", false},
		{"services/iec/sim", "services/iec", true},
		{"services/iec", "services/iecs", false},
		{"services/report", "services/iec", false},
	} {
		if got := mayImport(c.from, c.to); got != c.want {
			t.Errorf("%s imports %s: %v", c.from, c.to, got)
		}
	}
}

// packageImports returns which of our packages each of them imports, tests left out.
func packageImports(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports",
		"./events/...", "./gateway/...", "./schema/...", "./services/...")
	cmd.Dir = "../../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		from := strings.TrimPrefix(p.ImportPath, domain)
		all[from] = []string{}
		for _, imported := range p.Imports {
			if to, ours := strings.CutPrefix(imported, domain); ours {
				all[from] = append(all[from], to)
			}
		}
	}
}

// room is the folder that a package belongs to: services/iec of services/iec/sim.
func room(pkg string) string {
	parts := strings.Split(pkg, "/")
	if parts[0] == "services" {
		return strings.Join(parts[:2], "/")
	}
	return parts[0]
}

func mayImport(from, to string) bool {
	const face = "services/api"
	switch a, b := room(from), room(to); {
	case a == face && b == face && from != face && !strings.HasSuffix(from, "test"):
		return to == face+"/rest" // its rooms do not know each other
	case a == b:
		return true
	case a == "schema":
		return false
	case a == "events":
		return b == "schema"
	case a == "gateway":
		return b == "schema" || b == "events"
	case a == "services/cmd":
		return true
	case b == "services/cmd":
		return false
	case a == "services/app", strings.HasSuffix(from, "test"): // which tests import, and nothing else does
		return true
	case b == "events", b == "schema":
		return true
	default:
		return slices.Contains(libraries, b) || slices.Contains(parts[a], to)
	}
}
