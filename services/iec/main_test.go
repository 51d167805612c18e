package iec

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"rollcall.example/events/eventstest"
)

func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) != "" {
		if err := runWorker(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m, eventstest.IgnoreLeaks()...)
}
