package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// readmeCommands returns the lines that the README tells to type into a shell.
func readmeCommands(t *testing.T) (lines []string) {
	t.Helper()
	page, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if command := regexp.MustCompile(`^    (export ROLLCALL_\S+=.*|bin/rollcall .*)`).FindString(line); command != "" {
			lines = append(lines, strings.TrimSpace(command))
		}
	}
	if len(lines) < 3 {
		t.Fatalf("the README has only the commands %q", lines)
	}
	return lines
}

// What the README tells to do beside a running up works in one shell, in its order, and
// whatever file of settings the shell has read before, doctor finds nothing broken.
func TestReadmeCommandsInOneShell(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	data := filepath.Join(home, "rollcall-data")
	up := rollcall(t, nil, "up", "--addr", "127.0.0.1:0", "--data", data)
	up.waitHealthy()
	if err := os.Mkdir(filepath.Join(home, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	program := "#!/bin/sh\n" + asRollcall + "=1 exec '" + os.Args[0] + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(home, "bin", "rollcall"), []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	roll, err := os.ReadFile("../../../schema/samples/roll-500.xlsx")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "roll.xlsx"), roll, 0o600); err != nil {
		t.Fatal(err)
	}
	sourced := regexp.MustCompile(`for the NATS CLI: (\. \S+)`).FindStringSubmatch(up.out.String())
	if sourced == nil {
		t.Fatalf("up does not say which file to read: %s", up.out)
	}
	doctor := "bin/rollcall doctor --data rollcall-data"
	script := append([]string{"set -e", doctor}, readmeCommands(t)...)
	script = append(script, doctor, sourced[1], doctor, "bin/rollcall audit", ". rollcall-data/investigator.env",
		"bin/rollcall verify $(bin/rollcall jobs | grep -o 'job-[0-9a-f-]*')")
	files := []string{"investigator", "revoke", "privacy", "nats-cli"}
	for _, file := range files {
		script = append(script, "( . rollcall-data/"+file+".env; "+doctor+" )")
	}
	for _, file := range files { // one after the other, in the same shell
		script = append(script, ". rollcall-data/"+file+".env")
	}
	script = append(script, doctor, "bin/rollcall revoke --list")
	shell := exec.Command("bash", "-c", strings.Join(script, "\n"))
	shell.Dir = home
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ROLLCALL_") {
			shell.Env = append(shell.Env, v)
		}
	}
	shell.Env = append(shell.Env, "ROLLCALL_SERVER="+up.url())
	out, err := shell.CombinedOutput()
	if err != nil || strings.Count(string(out), " 0 broken") != strings.Count(strings.Join(script, "\n"), doctor) {
		t.Errorf("%v\n%s", err, out)
	}

	// The shell that read the files starts up again, which is not to look for itself.
	file, err := os.ReadFile(filepath.Join(data, "privacy.env"))
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, v := range regexp.MustCompile(`export (\S+)='(.*)'`).FindAllStringSubmatch(string(file), -1) {
		left = append(left, v[1]+"="+v[2])
	}
	up.stop(syscall.SIGTERM)
	again := rollcall(t, left, "up", "--addr", "127.0.0.1:0", "--data", data)
	again.waitHealthy()
}
