package release_test

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// checkSBOM makes the SBOM of a program as goreleaser would, and compares it with what the linker wrote into it.
func checkSBOM(t *testing.T, bin string) {
	t.Helper()
	dir := t.TempDir()
	maker, document := filepath.Join(dir, "cyclonedx-gomod"), filepath.Join(dir, "sbom.json")
	build := exec.Command("go", "build", "-C", filepath.Join(top, "tools/sbom"), "-o", maker,
		"github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod")
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var args []string
	filled := strings.NewReplacer("{{.Version}}", "1.2.3", "$document", document, "$artifact", bin)
	for _, arg := range read(t).Sboms[0].Args {
		args = append(args, filled.Replace(arg))
	}
	if out, err := exec.Command(maker, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var sbom struct {
		BOMFormat string
		Metadata  struct {
			Component struct{ Name, Version string }
		}
		Components []struct {
			Name, Version string
			Hashes        []struct{ Alg, Content string }
		}
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &sbom); err != nil {
		t.Fatal(err)
	}
	if c := sbom.Metadata.Component; sbom.BOMFormat != "CycloneDX" || c.Version != "1.2.3" {
		t.Errorf("the SBOM is %s of %+v", sbom.BOMFormat, c)
	}
	told := map[string]string{}
	for _, c := range sbom.Components {
		told[c.Name] = c.Version
	}
	info, err := buildinfo.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Deps) < 20 || told["std"] == "" {
		t.Errorf("%d modules, of which %v", len(info.Deps), told)
	}
	for _, dep := range info.Deps {
		if version, ok := told[dep.Path]; !ok || dep.Version != "(devel)" && version != dep.Version {
			t.Errorf("the program has %s %s, the SBOM %q", dep.Path, dep.Version, version)
		}
	}
}

// A release has an SBOM of each binary and provenance of all that it publishes. It does not begin on images that move.
func TestReleasesTellWhatIsInThem(t *testing.T) {
	c := read(t)
	if len(c.Sboms) != 1 || c.Sboms[0].Artifacts != "binary" || len(c.Sboms[0].Documents) != 1 {
		t.Errorf("SBOMs: %+v", c.Sboms)
	}
	if len(c.Signs) != 1 || c.Signs[0].Artifacts != "checksum" || c.Signs[0].Cmd != "cosign" ||
		!slices.Contains(c.Signs[0].Args, "attest-blob") || !slices.Contains(c.Signs[0].Args, "--type=slsaprovenance1") {
		t.Errorf("signs: %+v", c.Signs)
	}
	for _, want := range []string{"TestImagesAreBuiltOnDigests", "task sbom", "provenance.sh bin/provenance.json "} {
		if !slices.ContainsFunc(c.Before.Hooks, func(h string) bool { return strings.Contains(h, want) }) {
			t.Errorf("a release begins without %s", want)
		}
	}
}

// Provenance names the commit and who builds. It refuses what is not of the commit.
func TestProvenanceNamesTheCommitAndTheBuilder(t *testing.T) {
	script, err := filepath.Abs("provenance.sh")
	if err != nil {
		t.Fatal(err)
	}
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "new", "provenance.json")
	run := func(name string, args ...string) (string, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "ROLLCALL_BUILDER=https://builder.example", "GIT_CONFIG_GLOBAL=/dev/null")
		text, err := cmd.CombinedOutput()
		return string(text), err
	}
	if text, err := run("git", "init", "-q"); err != nil {
		t.Fatalf("%v %s", err, text)
	}
	const commit = "0123456789abcdef0123456789abcdef01234567"
	if text, err := run("sh", script, out, "1.2.3", commit, "https://host.example/rollcall.git"); err != nil {
		t.Fatalf("%v %s", err, text)
	}
	var p struct {
		BuildDefinition struct {
			ExternalParameters   struct{ Version string }
			ResolvedDependencies []struct {
				URI    string
				Digest struct{ GitCommit string }
			}
		}
		RunDetails struct{ Builder struct{ ID string } }
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	source := p.BuildDefinition.ResolvedDependencies[0]
	if source.URI != "git+https://host.example/rollcall.git" || source.Digest.GitCommit != commit ||
		p.RunDetails.Builder.ID != "https://builder.example" || p.BuildDefinition.ExternalParameters.Version != "1.2.3" {
		t.Errorf("provenance: %s", text)
	}
	if text, err := run("sh", script, out, "1.2.3", "main", "https://host.example"); err == nil {
		t.Errorf("takes a branch for a commit: %s", text)
	}
	if err := os.WriteFile(filepath.Join(dir, "changed"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := run("sh", script, out, "1.2.3", commit, "https://host.example"); err == nil {
		t.Errorf("attests files that are not of the commit: %s", text)
	}
}
