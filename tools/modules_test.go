// Package tools_test checks the source tree as a whole.
package tools_test

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const top = ".."

// modules are the folders whose code is shipped, each a module of its own.
var modules = []string{"schema", "events", "gateway", "services"}

// The workspace selects one version of each dependency for all modules; a
// module that is built alone selects its own. When they differ, the program
// that was tested is not the one that somebody else builds.
func TestModulesBuiltAloneUseTheVersionsOfTheWorkspace(t *testing.T) {
	workspace := versionsOf(t, top, "", "./schema/...", "./events/...", "./gateway/...", "./services/...")
	alone := map[string]bool{}
	for _, module := range modules {
		for path, version := range versionsOf(t, filepath.Join(top, module), "off", "./...") {
			alone[path] = true
			if want := workspace[path]; version != want {
				t.Errorf("%s built alone uses %s %s, in the workspace %q: "+
					"cd %[1]s && GOWORK=off go get %[2]s@%[4]s && GOWORK=off go mod tidy, "+
					"or remove from go.work what raises it", module, path, version, want)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(workspace)) {
		if !alone[path] {
			t.Errorf("%s is used in the workspace only", path)
		}
	}
	if len(alone) < 50 {
		t.Fatalf("only %d dependencies seen", len(alone))
	}
}

// versionsOf returns the version of each module that packages and their tests
// need. gowork is the variable GOWORK: "" for the workspace, "off" for none.
func versionsOf(t *testing.T, dir, gowork string, packages ...string) map[string]string {
	t.Helper()
	format := "{{with .Module}}{{.Path}} {{.Version}}{{end}}"
	cmd := exec.Command("go", append([]string{"list", "-deps", "-test", "-f", format}, packages...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK="+gowork)
	out, err := cmd.Output() // what is downloaded is told on standard error
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list in %s, GOWORK=%s: %v\n%s", dir, gowork, err, exit.Stderr)
		}
		t.Fatal(err)
	}
	versions := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		if path != "" && !strings.HasPrefix(path, "rollcall.example/") {
			versions[path] = version
		}
	}
	return versions
}
