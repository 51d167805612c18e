// Package release_test checks that releases are what their README promises.
package release_test

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

const top = "../../.."

type configuration struct {
	Builds []struct {
		Main, Binary        string
		Env, Flags, Ldflags []string
		Goos, Goarch        []string
	}
	Archives []struct{ Files []struct{ Src string } }
	Before   struct{ Hooks []string }
	Sboms    []struct {
		Artifacts, Cmd  string
		Args, Documents []string
	}
	Signs []struct {
		Artifacts, Cmd, Signature string
		Args                      []string
	}
}

func read(t *testing.T) (c configuration) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Builds) != 1 || len(c.Archives) != 1 {
		t.Fatalf("%d builds and %d archives, want one of each", len(c.Builds), len(c.Archives))
	}
	return c
}

func TestConfigurationMatchesTheSchemaOfGoreleaser(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/goreleaser.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var c any
	text, err := os.ReadFile(filepath.Join(top, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	// The validator expects the types of JSON.
	text, err = json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = jsonschema.UnmarshalJSON(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(c); err != nil {
		t.Error(err)
	}
	c.(map[string]any)["bilds"] = []any{}
	if schema.Validate(c) == nil {
		t.Error("the schema accepts a misspelt key")
	}
	for _, file := range read(t).Archives[0].Files {
		if found, err := filepath.Glob(filepath.Join(top, file.Src)); err != nil || len(found) == 0 {
			t.Errorf("the archive needs %s, which does not exist: %v", file.Src, err)
		}
	}
}

// The same commit gives the same bytes in any folder, and the program needs no library
// of the machine.
func TestBuildsAreReproducibleAndStatic(t *testing.T) {
	var sums [2][sha256.Size]byte
	for i, name := range []string{"here", "somewhere/else"} {
		dir := filepath.Join(t.TempDir(), name)
		copySources(t, dir)
		bin := buildIn(t, dir)
		text, err := os.ReadFile(bin)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(dir)) {
			t.Errorf("the program contains its build folder %s", dir)
		}
		sums[i] = sha256.Sum256(text)
		if i == 0 {
			checkProgram(t, bin)
			checkSBOM(t, bin)
		}
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds differ: %x and %x", sums[0], sums[1])
	}
}

func copySources(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"schema", "events", "gateway", "services", "tools"} {
		err := filepath.WalkDir(filepath.Join(top, name), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.Name() == "node_modules" || d.Name() == "testdata" {
				return fs.SkipDir
			}
			to := filepath.Join(dir, strings.TrimPrefix(path, top))
			if d.IsDir() {
				return os.MkdirAll(to, 0o755)
			}
			return copyFile(path, to)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.work", "go.work.sum"} {
		if err := copyFile(filepath.Join(top, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

// buildIn builds the program for this machine as goreleaser would.
func buildIn(t *testing.T, dir string) string {
	t.Helper()
	b := read(t).Builds[0]
	ldflags := strings.NewReplacer("{{.Version}}", "1.2.3", "{{.FullCommit}}", "abc", "{{.CommitDate}}",
		"2026-01-02T03:04:05Z").Replace(strings.Join(b.Ldflags, " "))
	if strings.Contains(ldflags, "{{") {
		t.Fatalf("this test does not know a template of %s", ldflags)
	}
	bin := filepath.Join(t.TempDir(), b.Binary)
	cmd := exec.Command("go", append(append([]string{"build", "-ldflags", ldflags, "-o", bin}, b.Flags...), b.Main)...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "PWD="+dir, "GOWORK=", "GOFLAGS="), b.Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

func checkProgram(t *testing.T, bin string) {
	t.Helper()
	out, err := exec.Command(bin, "version").Output()
	if want := "rollcall 1.2.3, commit abc of 2026-01-02T03:04:05Z, " + runtime.Version() + "\n"; err != nil ||
		string(out) != want {
		t.Errorf("version: %v, %q, want %q", err, out, want)
	}
	if runtime.GOOS != "linux" {
		return // only Linux has fully static programs
	}
	program, err := elf.Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if libraries, err := program.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("the program needs the libraries %v, %v", libraries, err)
	}
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program needs a loader")
		}
	}
}
