package main

import (
	"io"
	"testing"
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
