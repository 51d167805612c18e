package upload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
)

const (
	// limitWindow is the time for which uploads of a user are counted.
	limitWindow = time.Hour
	// limitTime bounds the question how much a user has uploaded.
	limitTime = 3 * time.Second
	// jobsRetry and transfersRetry are when to come back where nobody knows
	// when a job or a transfer will have ended.
	jobsRetry      = time.Minute
	transfersRetry = 5 * time.Second
)

// beginTransfer counts a file that a user is sending, until end is called. It is
// counted in this process: what is still on its way is in no log.
func (s *Service) beginTransfer(user events.User) (end func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.transfers[user.ID] >= s.cfg.UserTransfers {
		return nil, tooMany("transfers", s.cfg.UserTransfers, transfersRetry,
			fmt.Sprintf("You are sending %d files already. Please wait until they have arrived.", s.cfg.UserTransfers))
	}
	s.transfers[user.ID]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.transfers[user.ID]--; s.transfers[user.ID] == 0 {
			delete(s.transfers, user.ID)
		}
	}, nil
}

// MayUpload returns nil when a person could upload some file now, and else the refusal
// that they would get.
func (s *Service) MayUpload(ctx context.Context, who access.Principal) error {
	if err := mayUpload(who); err != nil {
		return err
	}
	return s.checkUsage(ctx, who.User, 0)
}

// checkUsage refuses a user who has as many jobs as are allowed, by the table and the
// stream that all replicas share. What cannot tell refuses nobody.
// Size is how many bytes are to come, 0 where nobody knows.
func (s *Service) checkUsage(ctx context.Context, user events.User, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, limitTime)
	defer cancel()
	now := s.cfg.Now()
	usage, err := s.cfg.Jobs.Usage(ctx, user.ID, now.Add(-limitWindow))
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "user's limits not enforced: uploads not counted", "user", user.ID, "err", err)
	}
	refused, oldest, err := s.partials.countRefused(ctx, user.ID, now.Add(-limitWindow))
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "user's refused files not counted", "user", user.ID, "err", err)
	}
	if usage.Recent == 0 || refused > 0 && oldest.Before(usage.Oldest) {
		usage.Oldest = oldest
	}
	usage.Recent += refused
	return s.cfg.judge(usage, now, size)
}

// countRefused counts a file that was refused, or whose sender left while it was being
// checked, among the user's uploads: to check it costs as much as to check a good one.
func (s *Service) countRefused(ctx context.Context, user events.User, reason error) {
	refused, _ := errors.AsType[*refusal.Error](reason)
	if !errors.Is(reason, context.Canceled) && (refused == nil || !slices.Contains(fileCodes, refused.Code)) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limitTime)
	defer cancel()
	if err := s.partials.addRefused(ctx, user.ID, s.cfg.Now()); err != nil {
		s.cfg.Logger.WarnContext(ctx, "refused file not counted", "user", user.ID, "err", err)
	}
}

// fileCodes are the refusals of a file for what is in it.
var fileCodes = []string{
	refusal.CodeEmptyFile, refusal.CodeFileTooLarge, refusal.CodeXLS, refusal.CodeNotAZip, refusal.CodeNotAWorkbook,
	refusal.CodeEncrypted, refusal.CodeTooLarge, refusal.CodeUnreadable, refusal.CodeNoRows, refusal.CodeNoIDColumn,
	refusal.CodeDuplicateColumn,
}

// claim is checkUsage for one upload of the user at a time: no other one of any
// replica is counted until release is called, when this one is in the table.
func (s *Service) claim(ctx context.Context, user events.User, size int64) (release func(), err error) {
	// Storing outlives the client, but no database keeps it waiting for long.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.MaxWait)
	now := s.cfg.Now()
	usage, unlock, err := s.cfg.Jobs.Claim(ctx, user.ID, now.Add(-limitWindow))
	if err != nil {
		cancel()
		s.cfg.Logger.WarnContext(ctx, "user's limits not enforced: uploads not counted", "user", user.ID, "err", err)
		return func() {}, nil
	}
	release = func() {
		unlock()
		cancel()
	}
	if err := s.cfg.judge(usage, now, size); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// judge refuses a user who has uploaded so much.
func (c *Config) judge(usage events.Usage, now time.Time, size int64) error {
	switch {
	case usage.Recent >= c.UserUploads:
		return tooMany("uploads_per_hour", c.UserUploads, min(usage.Oldest.Add(limitWindow).Sub(now), limitWindow),
			fmt.Sprintf("You have uploaded %d files within an hour, refused ones included. Please go on later.",
				usage.Recent))
	case usage.Open >= c.UserJobs:
		return tooMany("jobs", c.UserJobs, jobsRetry,
			fmt.Sprintf("%d of your files are being processed. Please wait until some are done.", usage.Open))
	case c.UserStorage > 0 && usage.Stored+size > c.UserStorage:
		return &refusal.Error{Code: refusal.CodeStorageQuota,
			Details: map[string]any{"stored_bytes": usage.Stored, "limit_bytes": c.UserStorage},
			Message: fmt.Sprintf("There is no room for this file: your earlier files and their reports take %s of the %s "+
				"that you may keep. They are removed when their time is over; whoever runs this service can allow more.",
				megabytes(usage.Stored), megabytes(c.UserStorage))}
	}
	return nil
}

// UserStorage returns how many bytes may be kept of a user's jobs; 0 means any number.
func (s *Service) UserStorage() int64 { return s.cfg.UserStorage }

func tooMany(what string, limit int, wait time.Duration, message string) *refusal.Error {
	return &refusal.Error{Code: refusal.CodeTooManyUploads, Message: message, RetryAfter: max(wait, time.Second),
		Details: map[string]any{"limit": limit, "of": what}}
}
