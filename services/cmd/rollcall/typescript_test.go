package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The REST calls of the TypeScript client, against the whole program.
func TestTypeScriptClientUploadsAndDownloads(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is missing: go tool task node", tool)
		}
	}
	p := startUp(t, t.TempDir())
	dir, from := t.TempDir(), filepath.Join("..", "..", "..", "gateway", "client", "ts")
	for _, name := range []string{"package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"src", "test", "examples"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(from, name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range [][]string{
		{"npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"},
		{"npm", "run", "build"}, // the examples import the package by its name
		{"npm", "exec", "--offline", "--", "tsc"},
		{"node", "--test", filepath.Join("build", "test", "rest", "rest.test.js")},
		{"node", filepath.Join("examples", "node-watch.mjs"), sampleFile(t), p.url()},
	} {
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "ROLLCALL_URL="+p.url(), "ROLLCALL_TOKEN="+token(t, "alice", "member"),
			"ROLLCALL_FILE="+sampleFile(t))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "roll-500 - report.xlsx")); err != nil {
		t.Errorf("the example's report: %v", err)
	}
}
