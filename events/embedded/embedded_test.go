package embedded_test

import (
	"bytes"
	"os"
	"testing"

	"rollcall.example/events/embedded"
)

func TestConfIsTheProjectsOwn(t *testing.T) {
	root, err := os.ReadFile("../../nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(root, embedded.Conf) {
		t.Fatal("events/embedded/nats.conf differs from nats.conf: run go generate ./events/embedded")
	}
}

func TestWrongPasswordIsRefused(t *testing.T) {
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Passwords: map[string]string{"upload": "right"}})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Stop()
	js, err := srv.Connect("upload")
	if err != nil {
		t.Fatal(err)
	}
	js.Conn().Close()
	if srv.Password("upload") != "right" || len(srv.Password("iec")) < 32 {
		t.Fatal("a given password is kept and a missing one made up")
	}
}
