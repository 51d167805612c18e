package gateway_test

import (
	"strings"
	"testing"
	"time"

	"rollcall.example/gateway"
)

func TestNewNamesEachWrongSetting(t *testing.T) {
	_, err := gateway.New(gateway.Config{Queue: -1, WriteTimeout: -time.Second})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"JetStream is required", "Verifier is required",
		"Queue must be at least 0, not -1", "WriteTimeout must be at least 0, not -1s",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not say that %s", err, want)
		}
	}
}
