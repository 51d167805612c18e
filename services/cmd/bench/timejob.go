package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rollcall.example/gateway/client"
	"rollcall.example/gateway/frames"
)

// server is a running rollcall, with a user's token for it.
type server struct {
	*process
	token string
}

// timeJob uploads a roll and follows the job until it is reported. It returns the
// time from the start of the upload to the frame that says so.
func (s *server) timeJob(ctx context.Context, roll string, dryRun bool) (time.Duration, error) {
	c, err := s.client()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	id, err := uploadRoll(ctx, c, roll, dryRun)
	if err != nil {
		return 0, fmt.Errorf("upload %s: %w", filepath.Base(roll), err)
	}
	var stages strings.Builder // how long each stage took
	last := begin
	for frame, err := range c.Watch(ctx, id, 0) {
		if err != nil {
			return 0, fmt.Errorf("watch %s: %w", filepath.Base(roll), err)
		}
		switch frame.Event {
		case frames.EventComplete:
			fmt.Fprintf(os.Stderr, "%s: %s report %s\n", filepath.Base(roll), stages.String(),
				formatSeconds(time.Since(last)))
			return time.Since(begin), s.checkComplete(frame)
		case frames.EventFailed:
			failed, err := frame.Failed()
			return 0, errors.Join(fmt.Errorf("%s failed: %s", filepath.Base(roll), failed.Error), err)
		}
		if frame.Seq > 0 {
			p, err := frame.Progress()
			if err != nil {
				return 0, err
			}
			fmt.Fprintf(&stages, "%s %s, ", p.Stage, formatSeconds(time.Since(last)))
			last = time.Now()
		}
	}
	return 0, fmt.Errorf("watch %s: %w", filepath.Base(roll), context.Cause(ctx))
}

func (s *server) client() (*client.Client, error) {
	return client.New(client.Config{URL: s.url, Token: s.token})
}

// upload uploads a roll and returns the job's id.
func (s *server) upload(ctx context.Context, roll string) (string, error) {
	c, err := s.client()
	if err != nil {
		return "", err
	}
	return uploadRoll(ctx, c, roll, false)
}

// follow waits for the end of a job and returns how many members it has written.
func (s *server) follow(ctx context.Context, id string) (written int, err error) {
	c, err := s.client()
	if err != nil {
		return 0, err
	}
	for frame, err := range c.Watch(ctx, id, 0) {
		if err != nil {
			return 0, err
		}
		if frame.Event == frames.EventComplete {
			done, err := frame.Complete()
			return done.Database.Inserts, errors.Join(err, s.checkComplete(frame))
		}
		if frame.Event == frames.EventFailed {
			return 0, errors.New("the job has failed")
		}
	}
	return 0, context.Cause(ctx)
}

// checkComplete checks that the job wrote all of its rows.
func (s *server) checkComplete(frame client.Frame) error {
	done, err := frame.Complete()
	if err != nil {
		return err
	}
	if v := done.Validation; v.TotalRecords != v.ValidRecords || v.ValidRecords == 0 || done.Database.Errors > 0 {
		return fmt.Errorf("of %d rows %d are valid, %d were refused", v.TotalRecords, v.ValidRecords,
			done.Database.Errors)
	}
	return nil
}

func uploadRoll(ctx context.Context, c *client.Client, roll string, dryRun bool) (id string, err error) {
	f, err := os.Open(roll)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return c.Upload(ctx, filepath.Base(roll), f, client.UploadOptions{DryRun: dryRun})
}
