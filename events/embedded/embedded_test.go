package embedded_test

import (
	"bytes"
	"os"
	"testing"

	"rollcall.example/events/embedded"
)

func TestConfIsTheNATSConfOfTheRoot(t *testing.T) {
	root, err := os.ReadFile("../../nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(root, embedded.Conf) {
		t.Fatal("events/embedded/nats.conf differs from nats.conf: run go generate ./events/permissions")
	}
}

func TestStartKeepsAndMakesPasswords(t *testing.T) {
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
		t.Fatal("a given password was not kept, or a missing one not made")
	}
}

func TestUserPermissionsAreThoseOfTheFile(t *testing.T) {
	all, err := embedded.UserPermissions()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(embedded.Users)-1 { // sys is in an account without streams
		t.Errorf("%d users have permissions", len(all))
	}
	for _, c := range []struct {
		user, subject string
		may           bool
	}{
		{"validation", "bulk.j.validated", true},
		{"validation", "bulk.j.verified", false},
		{"gateway", "bulk.j.validated", false},
		{"gateway", "$JS.API.DIRECT.GET.BULK", true},
		{"operator", "$JS.API.CONSUMER.INFO.BULK.iec", true},
		{"operator", "$JS.API.CONSUMER.MSG.NEXT.BULK.iec", false},
		{"operator", "$JS.API.DIRECT.GET.BULK", true},
		{"operator", "$JS.API.DIRECT.GET.OBJ_ROWS", false},
		{"operator", "$JS.API.STREAM.MSG.GET.KV_IEC_VERDICTS", false},
		{"operator", "$JS.API.STREAM.MSG.GET.PARTIAL", false},
		{"investigator", "$JS.API.CONSUMER.CREATE.OBJ_ROWS.x.$O.ROWS.C.x", true},
		{"investigator", "$JS.API.DIRECT.GET.OBJ_ROWS", false}, // would leave no trace
	} {
		if all[c.user].CanPublish(c.subject) != c.may {
			t.Errorf("%s, %s: want %v", c.user, c.subject, c.may)
		}
	}
}
