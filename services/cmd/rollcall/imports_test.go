package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

const domain = "rollcall.example/"

// services are the five that know events and schema and never each other.
var services = []string{"upload", "validation", "iec", "persistence", "report"}

// Imports go one way: schema <- events <- gateway <- services/cmd, and schema,
// events <- services. Packages for tests are imported by tests only.
func TestImportsGoOneWay(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports",
		"./events/...", "./gateway/...", "./schema/...", "./services/...")
	cmd.Dir = "../../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for d := json.NewDecoder(bytes.NewReader(out)); ; seen++ {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		from := strings.TrimPrefix(p.ImportPath, domain)
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, domain)
			if !ours {
				continue
			}
			if !allowed(from, to) {
				t.Errorf("%s must not import %s", from, to)
			}
			if strings.HasSuffix(path.Base(to), "test") && !strings.HasSuffix(path.Base(from), "test") {
				t.Errorf("%s imports %s, which is for tests", from, to)
			}
		}
	}
	if seen < 15 {
		t.Fatalf("only %d packages seen", seen)
	}
}

func allowed(from, to string) bool {
	room := func(p, name string) bool { return p == name || strings.HasPrefix(p, name+"/") }
	switch {
	case room(from, "schema"):
		return false
	case room(from, "events"):
		return room(to, "schema") || room(to, "events")
	case room(from, "gateway"):
		return room(to, "schema") || room(to, "events") || room(to, "gateway")
	case room(from, "services/cmd"):
		return true
	case room(to, "gateway"), room(to, "services/cmd"):
		return false
	}
	for _, s := range services {
		// Nobody but the service itself enters its room.
		if room(to, "services/"+s) && !room(from, "services/"+s) {
			return false
		}
	}
	return true
}
