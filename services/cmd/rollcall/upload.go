package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway/client"
)

type uploadCmd struct {
	serverSettings
	File    string `arg:"" type:"existingfile" help:"The spreadsheet."`
	Watch   bool   `env:"-" help:"Follow the job until it ends."`
	Resume  bool   `env:"-" help:"${help_resume}"`
	DryRun  bool   `env:"-" help:"Write nothing to the database; the report says what would be written."`
	SkipIEC bool   `env:"-" name:"skip-iec" help:"Ask the IEC about nobody."`

	mapSettings
	Follows string `env:"-" placeholder:"JOB" help:"The job whose rows this file corrects."`
	writeSettings
}

// writeSettings say what an upload may do to members.
type writeSettings struct {
	Mode       string `env:"-" default:"upsert" enum:"upsert,create,update" help:"${help_mode}"`
	AllowClear bool   `env:"-" help:"${help_allow_clear}"`
}

// addTo adds the settings to the options of an upload.
func (s writeSettings) addTo(o client.UploadOptions) client.UploadOptions {
	o.Mode, _ = events.ParseMode(s.Mode) // the parser of flags has refused others
	o.AllowClear = s.AllowClear
	return o
}

// Run uploads a file.
func (c *uploadCmd) Run(ctx context.Context, p *process) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	mapping, err := c.load(ctx, api)
	if err != nil {
		return err
	}
	options := c.addTo(client.UploadOptions{DryRun: c.DryRun, SkipIEC: c.SkipIEC, Mapping: mapping, Follows: c.Follows})
	send := uploadFile
	if c.Resume {
		send = resumeUpload
	}
	jobID, err := send(ctx, api, c.File, options)
	if err != nil {
		return err
	}
	fmt.Fprintln(p.out, jobID)
	if !c.Watch {
		return nil
	}
	if _, err = watch(ctx, p, api, jobID, 0); err != nil {
		return err
	}
	var use events.ColumnUse
	if err := api.Call(ctx, http.MethodGet, "/status/"+url.PathEscape(jobID), &use); err != nil {
		return err
	}
	printColumnUse(p.out, use)
	return nil
}

// resumeUpload sends what has not arrived yet, and notes in the user's cache where the
// upload is.
func resumeUpload(
	ctx context.Context, c *client.Client, path string, o client.UploadOptions,
) (jobID string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("resume upload: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // only read from
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	notes := filepath.Join(cache, "rollcall", "uploads")
	jobID, err = c.UploadInParts(ctx, filepath.Base(path), file, info.Size(), o, client.PartOptions{Notes: notes})
	if _, refused := errors.AsType[*refusal.Error](err); err != nil && !refused {
		err = fmt.Errorf("%w; the same command goes on from there", err)
	}
	return jobID, err
}

// uploadFile sends a file in one request and returns the id of the job that begins.
func uploadFile(ctx context.Context, c *client.Client, path string, o client.UploadOptions) (jobID string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // only read from
	return c.Upload(ctx, filepath.Base(path), file, o)
}
