package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"rollcall.example/gateway/client"
	"rollcall.example/services/watchdir"
)

type watchDirCmd struct {
	serverSettings
	Dir       string        `arg:"" type:"existingdir" help:"The folder."`
	TokenFile string        `type:"path" placeholder:"FILE" help:"${help_token_file}"`
	Settle    time.Duration `default:"5s" help:"How long a file must stay unchanged before it is uploaded."`
	DryRun    bool          `env:"-" help:"Write nothing to the database; the reports say what would be written."`
	SkipIEC   bool          `env:"-" name:"skip-iec" help:"Ask the IEC about nobody."`
	writeSettings
}

// Run uploads what is put into the folder until ctx ends.
func (c *watchDirCmd) Run(ctx context.Context, p *process) error {
	fmt.Fprintf(p.out, "watching %s\n", c.Dir)
	return watchdir.Run(ctx, watchdir.Config{
		Dir: c.Dir, Settle: c.Settle, Variant: c.variant(),
		Upload: c.upload, Refused: refusesFile,
		Done:   func(name, jobID string) { fmt.Fprintf(p.out, "%s is %s\n", name, jobID) },
		Failed: func(name string, err error) { fmt.Fprintf(p.out, "%s was refused: %v\n", name, err) },
		Logger: p.log,
	})
}

func (c *watchDirCmd) upload(ctx context.Context, path, key string) (jobID string, err error) {
	settings := c.serverSettings
	if c.TokenFile != "" {
		token, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return "", err
		}
		settings.Token = strings.TrimSpace(string(token))
	}
	api, err := settings.client()
	if err != nil {
		return "", err
	}
	return uploadFile(ctx, api, path, c.addTo(client.UploadOptions{DryRun: c.DryRun, SkipIEC: c.SkipIEC, Key: key}))
}

// variant tells the options apart. It is part of the key of uploads, so options that
// are not given leave it as it was before they were known.
func (c *watchDirCmd) variant() string {
	if c.writeSettings == (writeSettings{Mode: "upsert"}) {
		return fmt.Sprint(c.DryRun, c.SkipIEC)
	}
	return fmt.Sprint(c.DryRun, c.SkipIEC, c.Mode, c.AllowClear)
}

// refusesFile reports whether the file itself is refused. A bad token, too many requests,
// and a server that is not there do not depend on the file.
func refusesFile(err error) bool {
	e, ok := errors.AsType[*client.StatusError](err)
	return ok && e.Status >= 400 && e.Status < 500 &&
		!slices.Contains([]int{401, 403, 404, 408, 409, 425, 429}, e.Status)
}
