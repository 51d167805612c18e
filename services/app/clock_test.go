package app

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// A clock that is off is measured and said once, and so is that it is right again.
func TestAWrongClockIsSaidOnce(t *testing.T) {
	var log bytes.Buffer
	off := 10 * time.Minute
	ask := func(context.Context) (time.Time, error) { return time.Now().Add(-off), nil }
	c := &clockWatch{log: slog.New(slog.NewTextHandler(&log, nil)), clock: events.NewClock(ask, nil)}
	if _, known := c.ahead(); known {
		t.Error("known before it was read")
	}
	said := c.read(t.Context(), time.Time{})
	said = c.read(t.Context(), said)
	if ahead, known := c.ahead(); !known || ahead.Round(time.Second) != off {
		t.Errorf("%s ahead, %t", ahead, known)
	}
	if n := strings.Count(log.String(), "is not that of NATS"); n != 1 || !strings.Contains(log.String(), "ahead=10m0") {
		t.Errorf("said %d times: %s", n, &log)
	}
	off = time.Second
	if said = c.read(t.Context(), said); !said.IsZero() || !strings.Contains(log.String(), "again") {
		t.Errorf("not said to be right: %s", &log)
	}
}

// Whatever the clock of the machine shows, services go by that of NATS.
func TestServicesGoByTheClockOfNATS(t *testing.T) {
	c := &clockWatch{}
	if off := time.Until(c.now()); off.Abs() > time.Second {
		t.Errorf("off by %s before NATS has told the time", off)
	}
	ask := func(context.Context) (time.Time, error) { return time.Now().Add(-24 * time.Hour), nil }
	c.clock = events.NewClock(ask, nil)
	if err := c.clock.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if off := time.Until(c.now()) + 24*time.Hour; off.Abs() > time.Second {
		t.Errorf("off by %s", off)
	}
}

// Each user with a consumer may ask for the time.
func TestStagesReadTheClockOfNATS(t *testing.T) {
	srv := eventstest.Start(t)
	for _, user := range []string{"validation", "iec", "persistence", "report", "webhook", "upload"} {
		durable := user
		if user == "upload" {
			durable = events.ConsumerProjection
		}
		r, err := events.ReadClock(t.Context(), events.ConsumerTime(eventstest.Connect(t, srv, user), durable), nil)
		if err != nil || r.Wrong() {
			t.Errorf("%s: %+v, %v", user, r, err)
		}
	}
}
