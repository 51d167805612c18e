package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sync"
)

// What a release is built with: -ldflags "-X main.version=1.2.3 -X
// main.commit=... -X main.date=...". Without them the toolchain's own record
// of the repository is told.
var version, commit, date string

// buildInfo is what this program was made of.
type buildInfo struct {
	// Version is a release's number, without a v; "devel" outside of one.
	Version string `json:"version"`
	// Commit is the revision, with "+changes" when the files differed from it;
	// empty when it was built outside of a repository.
	Commit string `json:"commit,omitempty"`
	// Date is when the commit was made (RFC 3339), so that a build of the same
	// commit is the same; empty as Commit is.
	Date string `json:"date,omitempty"`
	// Go is the version of the toolchain.
	Go string `json:"go"`
}

// thisBuild is that of the program that runs.
var thisBuild = sync.OnceValue(func() buildInfo {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: "unknown"}
	}
	return buildOf(info, version, commit, date)
})

// buildOf puts together what the linker was told and what the toolchain knows;
// the first goes before the second.
func buildOf(info *debug.BuildInfo, version, commit, date string) buildInfo {
	b := buildInfo{Version: version, Commit: commit, Date: date, Go: info.GoVersion}
	if b.Version == "" {
		b.Version = "devel"
	}
	if b.Commit != "" {
		return b
	}
	changed := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			changed = s.Value == "true"
		}
	}
	if changed && b.Commit != "" {
		b.Commit += "+changes"
	}
	return b
}

// String is one line for people.
func (b buildInfo) String() string {
	s := "rollcall " + b.Version
	if b.Commit != "" {
		s += ", commit " + b.Commit + " of " + b.Date
	}
	return s + ", " + b.Go
}

type versionCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints what this program was made of.
func (c *versionCmd) Run(p *process) error {
	if c.JSON {
		return json.NewEncoder(p.out).Encode(thisBuild())
	}
	_, err := fmt.Fprintln(p.out, thisBuild())
	return err
}

// logBuild says in the log which program starts.
func (p *process) logBuild(ctx context.Context) {
	b := thisBuild()
	p.log.InfoContext(ctx, "rollcall starts", "version", b.Version, "commit", b.Commit, "date", b.Date, "go", b.Go)
}
