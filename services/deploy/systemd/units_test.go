// Package systemd_test lets systemd verify and rate the units.
package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnitsAreValidAndHardened(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "rollcall")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for source, unit := range map[string]string{"rollcall.service": "rollcall.service",
		"rollcall@.service": "rollcall@upload.service"} {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		// systemd-analyze checks that the program exists.
		here := strings.ReplaceAll(string(text), "/usr/local/bin/rollcall", program)
		path := filepath.Join(dir, unit)
		if err := os.WriteFile(path, []byte(here), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(unit + ".d"); err == nil {
			if err := os.CopyFS(path+".d", os.DirFS(unit+".d")); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput()
		// Warnings about units of this machine, which systemd reads too, are none about ours.
		if err != nil || strings.Contains(string(out), unit) {
			t.Errorf("%s: %v\n%s", source, err, out)
		}
		// The scale goes to 100; a service without any hardening has 96.
		if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager",
			path).CombinedOutput(); err != nil {
			t.Errorf("%s is exposed: %v\n%s", source, err, out)
		}
		broken := filepath.Join(dir, "broken-"+unit)
		if err := os.WriteFile(broken, []byte(strings.Replace(here, "ExecStart="+program, "ExecStart=/nowhere/rollcall",
			1)), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := exec.Command("systemd-analyze", "verify", "--man=no", broken).Run(); err == nil {
			t.Errorf("systemd-analyze accepts %s with a missing program", source)
		}
	}
}
