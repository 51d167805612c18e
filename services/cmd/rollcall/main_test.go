package main

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"rollcall.example/events/refusal"
)

// A panic of a command ends the process with its stack, unlike the panic that ends --help.
func TestRunDoesNotSwallowPanics(t *testing.T) {
	defer func() {
		if got := recover(); got != "no environment" {
			t.Errorf("panic %v", got)
		}
	}()
	err := run(t.Context(), []string{"audit", "--nats", "nats://127.0.0.1:1"}, io.Discard, io.Discard,
		func(string) string { panic("no environment") })
	t.Errorf("run returned %v", err)
}

func TestHelpEndsWithoutAnError(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"up", "--help"}} {
		if err := run(t.Context(), args, io.Discard, io.Discard, func(string) string { return "" }); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestARefusalIsExplainedWithItsSentence(t *testing.T) {
	refused := &refusal.Error{Code: "not_ready", Message: "The report is not ready.", Err: errors.New("status 409")}
	for want, err := range map[string]error{
		"report: The report is not ready. (not_ready)": fmt.Errorf("report: %w", refused),
		"The report is not ready. (not_ready)":         refused,
		"no token":                                     errors.New("no token"),
		"made_up: status 500":                          &refusal.Error{Code: "made_up", Err: errors.New("status 500")},
	} {
		if got := explain(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
