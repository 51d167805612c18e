package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rollcall.example/events"
	"rollcall.example/gateway/client"
	"rollcall.example/gateway/frames"
)

// server is a running rollcall, with a user's token for it.
type server struct {
	*process
	token string
}

// stageTime is how long a stage of a job took, from the fact before to its own.
type stageTime struct {
	stage string
	took  time.Duration
}

// timeJob uploads a roll and follows the job until it is reported. It returns the
// time from the start of the upload to the frame that says so.
func (s *server) timeJob(ctx context.Context, roll string, dryRun bool) (time.Duration, error) {
	took, _, err := s.timeStages(ctx, roll, dryRun)
	return took, err
}

// timeStages is timeJob that tells of each stage too.
func (s *server) timeStages(ctx context.Context, roll string, dryRun bool) (time.Duration, []stageTime, error) {
	c, err := s.client()
	if err != nil {
		return 0, nil, err
	}
	begin := time.Now()
	id, err := uploadRoll(ctx, c, roll, dryRun)
	if err != nil {
		return 0, nil, fmt.Errorf("upload %s: %w", filepath.Base(roll), err)
	}
	stages, frame, err := followStages(ctx, c, id, begin)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", filepath.Base(roll), err)
	}
	took := time.Since(begin)
	var told strings.Builder
	for _, s := range stages {
		fmt.Fprintf(&told, " %s %s,", s.stage, formatSeconds(s.took))
	}
	fmt.Fprintf(os.Stderr, "%s:%s in all %s\n", filepath.Base(roll), told.String(), formatSeconds(took))
	return took, stages, checkComplete(frame)
}

// followStages follows a job to its last frame, and returns the time of each stage: of the
// first from begin on, of the last until the frame is here.
func followStages(ctx context.Context, c *client.Client, id string, begin time.Time) (stages []stageTime,
	frame client.Frame, err error,
) {
	for frame, err := range c.Watch(ctx, id, 0) {
		if err != nil {
			return nil, frame, err
		}
		if frame.Seq == 0 {
			continue
		}
		switch frame.Event {
		case frames.EventComplete:
			return append(stages, stageTime{"report generation", time.Since(begin)}), frame, nil
		case frames.EventFailed:
			failed, err := frame.Failed()
			return nil, frame, errors.Join(fmt.Errorf("the job has failed: %s", failed.Error), err)
		}
		p, err := frame.Progress()
		if err != nil {
			return nil, frame, err
		}
		stages = append(stages, stageTime{string(p.Stage), p.Timestamp.Sub(begin)})
		begin = p.Timestamp
	}
	return nil, frame, fmt.Errorf("watch: %w", context.Cause(ctx))
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
	_, frame, err := followStages(ctx, c, id, time.Now())
	if err != nil {
		return 0, err
	}
	done, err := frame.Complete()
	return done.Database.Inserts, errors.Join(err, checkComplete(frame))
}

// askAbout has the IEC asked about everybody on a roll, and writes nothing: a dry run that is
// cancelled once it has answered.
func askAbout(ctx context.Context, rest, live *client.Client, roll string) error {
	id, err := uploadRoll(ctx, rest, roll, true)
	if err != nil {
		return fmt.Errorf("upload %s: %w", filepath.Base(roll), err)
	}
	asked := false
	for frame, err := range live.Watch(ctx, id, 0) {
		if err != nil {
			return fmt.Errorf("watch %s: %w", filepath.Base(roll), err)
		}
		if frame.Terminal() {
			if !asked {
				return fmt.Errorf("%s: the job ended before the IEC had answered", filepath.Base(roll))
			}
			return nil
		}
		p, err := frame.Progress()
		if err != nil {
			return err
		}
		if frame.Seq > 0 && p.Stage == events.IECVerification {
			asked = true
			_, _ = rest.Cancel(ctx, id) // otherwise it ends by itself, as a small one may have meanwhile
		}
	}
	return context.Cause(ctx)
}

// checkComplete checks that the job wrote all of its rows.
func checkComplete(frame client.Frame) error {
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
