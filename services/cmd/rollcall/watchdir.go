package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"rollcall.example/events/mappings"
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
	mapSettings
	writeSettings
}

// Run uploads what is put into the folder until ctx ends.
func (c *watchDirCmd) Run(ctx context.Context, p *process) error {
	if err := c.checkMapping(ctx); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "watching %s\n", c.Dir)
	return watchdir.Run(ctx, watchdir.Config{
		Dir: c.Dir, Settle: c.Settle, Variant: c.variant(),
		Upload: c.upload, Refused: refusesFile,
		Done:   func(name, jobID string) { fmt.Fprintf(p.out, "%s is %s\n", name, jobID) },
		Failed: func(name string, err error) { fmt.Fprintf(p.out, "%s was refused: %v\n", name, err) },
		Logger: p.log,
	})
}

// checkMapping refuses a mapping with which every file would be refused. Whether one is
// kept under the name is not known while the server cannot be asked.
func (c *watchDirCmd) checkMapping(ctx context.Context) error {
	said, err := parseMap(c.Map)
	if err != nil {
		return err
	}
	if _, err := mappings.Parse(client.EncodeMapping(said)); err != nil {
		return err
	}
	if c.Mapping == "" {
		return nil
	}
	api, err := c.connect()
	if err == nil {
		_, err = api.Mapping(ctx, c.Mapping)
	}
	if e, ok := errors.AsType[*client.StatusError](err); ok && e.Status == http.StatusNotFound || refusesFile(err) {
		return err
	}
	return nil
}

// connect returns a client with the token as it is now.
func (c *watchDirCmd) connect() (*client.Client, error) {
	settings := c.serverSettings
	if c.TokenFile != "" {
		token, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return nil, err
		}
		settings.Token = strings.TrimSpace(string(token))
	}
	return settings.client()
}

func (c *watchDirCmd) upload(ctx context.Context, path, key string) (jobID string, err error) {
	api, err := c.connect()
	if err != nil {
		return "", err
	}
	mapping, err := c.load(ctx, api)
	if err != nil {
		return "", fmt.Errorf("mapping: %v", err) // not wrapped: no fault of the file
	}
	if len(mapping) > 0 { // one that is kept under a name may have changed
		sum := sha256.Sum256([]byte(key + client.EncodeMapping(mapping)))
		key = hex.EncodeToString(sum[:])
	}
	o := client.UploadOptions{DryRun: c.DryRun, SkipIEC: c.SkipIEC, Mapping: mapping, Key: key}
	return uploadFile(ctx, api, path, c.addTo(o))
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
