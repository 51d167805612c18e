package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestBuildInfoPrefersTheLinkersValues(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.0", Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified",
			Value: "true"},
	}}
	for _, c := range []struct {
		got  buildInfo
		want string
	}{
		{buildOf(info, "", "", ""), "rollcall devel, commit abc+changes of 2026-01-02T03:04:05Z, go1.26.0"},
		{buildOf(info, "1.2.3", "def", "2026-02-02T02:02:02Z"),
			"rollcall 1.2.3, commit def of 2026-02-02T02:02:02Z, go1.26.0"},
		{buildOf(&debug.BuildInfo{GoVersion: "go1.26.0"}, "", "", ""), "rollcall devel, go1.26.0"},
	} {
		if c.got.String() != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

// Only a build shows that the names in -ldflags are right.
func TestVersionOfALinkedProgram(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "rollcall")
	flags := "-X main.version=1.2.3 -X main.commit=abc -X main.date=2026-01-02T03:04:05Z"
	if out, err := exec.Command("go", "build", "-ldflags", flags, "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(bin, "version", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var got buildInfo
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if want := (buildInfo{"1.2.3", "abc", "2026-01-02T03:04:05Z", runtime.Version()}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestHelpHasEveryCommandUnderAHeading(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, &out, io.Discard, func(string) string { return "" }); err != nil {
		t.Fatal(err)
	}
	if at := strings.Index(out.String(), "\nCommands:"); at >= 0 {
		t.Errorf("commands without a heading:%s", out.String()[at:])
	}
	for _, g := range groups {
		if !strings.Contains(out.String(), "\n"+g.Title+"\n") {
			t.Errorf("no heading %q", g.Title)
		}
	}
	if strings.Contains(out.String(), "__complete") {
		t.Error("what only shells call is shown")
	}
}
