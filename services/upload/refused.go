package upload

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

// Of a user's refused files the stream has a message each, with nothing of the file, on
// partial.<user>.refused.<minute of the epoch>. The messages on each subject are counted.

// addRefused counts a file of a user that was refused.
func (s partials) addRefused(ctx context.Context, user string, now time.Time) error {
	subject := partialSubject(user, "refused") + "." + strconv.FormatInt(now.Unix()/60, 10)
	_, err := s.js.Publish(ctx, subject, nil, jetstream.WithExpectStream(events.StreamPartial))
	if err != nil {
		return fmt.Errorf("count refused file: %w", err)
	}
	return nil
}

// countRefused returns how many files of a user were refused since a time, and when the
// first of them was, to the minute.
func (s partials) countRefused(ctx context.Context, user string, since time.Time) (n int, oldest time.Time, err error) {
	stream, err := s.js.Stream(ctx, events.StreamPartial)
	if err != nil {
		return 0, oldest, fmt.Errorf("count refused files: %w", err)
	}
	prefix := partialSubject(user, "refused") + "."
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(prefix+"*"))
	if err != nil {
		return 0, oldest, fmt.Errorf("count refused files: %w", err)
	}
	for subject, count := range info.State.Subjects {
		minute, err := strconv.ParseInt(strings.TrimPrefix(subject, prefix), 10, 64)
		at := time.Unix(minute*60, 0)
		if err != nil || at.Before(since) {
			continue
		}
		n += int(count)
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	return n, oldest, nil
}
