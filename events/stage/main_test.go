package stage_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
)

func TestMain(m *testing.M) {
	if os.Getenv(killerEnv) != "" {
		if err := runKiller(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m, eventstest.IgnoreLeaks()...)
}

var alice = events.User{ID: "alice smith ü", Role: "member"}

func logAs(t *testing.T, srv *embedded.Server, stage events.Stage) *events.Log {
	t.Helper()
	return events.NewLog(eventstest.Connect(t, srv, string(stage)), stage, nil)
}

func upload(t *testing.T, srv *embedded.Server) events.Job {
	t.Helper()
	return eventstest.Upload(t, logAs(t, srv, events.StageUpload), alice, events.Artifact{}, events.Options{})
}
