package permissions_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"rollcall.example/events/permissions"
)

func TestNATSConfIsNotStale(t *testing.T) {
	conf, err := os.ReadFile("../../nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	want, err := permissions.Rewrite(conf)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(conf, want) {
		t.Error("the users in nats.conf are stale: run go generate ./events/permissions")
	}
}

func TestRewriteRefusesAConfWithoutItsSections(t *testing.T) {
	conf, err := os.ReadFile("../../nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	whole := string(conf)
	mark := "# accounts: end"
	for name, text := range map[string]string{
		"empty file":        "",
		"missing begin":     strings.Replace(whole, ": begin", "", 1),
		"missing end":       strings.Replace(whole, mark, "", 1),
		"too many sections": whole + whole,
	} {
		if _, err := permissions.Rewrite([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
