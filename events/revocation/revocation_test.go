package revocation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/revocation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, eventstest.IgnoreLeaks()...) }

// open returns a running watch as a user that may only read.
func open(t *testing.T, srv *embedded.Server, user string, change ...func(*revocation.Config)) *revocation.Watch {
	t.Helper()
	cfg := revocation.Config{JetStream: eventstest.Connect(t, srv, user), Interval: 20 * time.Millisecond}
	for _, f := range change {
		f(&cfg)
	}
	w, err := revocation.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

func revoke(t *testing.T, js jetstream.JetStream, e revocation.Entry) revocation.Entry {
	t.Helper()
	if e.At.IsZero() {
		e.At = time.Now()
	}
	if e.Until.IsZero() {
		e.Until = e.At.Add(time.Hour)
	}
	if err := revocation.Revoke(t.Context(), js, e); err != nil {
		t.Fatal(err)
	}
	return e
}

func wait(t *testing.T, w *revocation.Watch, user, token string, issued time.Time, want error) {
	t.Helper()
	eventstest.Wait(t, "the watch to know", func() bool { return errors.Is(w.Check(user, token, issued), want) })
}

// All who check tokens know within a moment, also where they may read nothing else.
func TestRevokedTokensAreKnownEverywhere(t *testing.T) {
	srv := eventstest.Start(t)
	revoker := eventstest.Connect(t, srv, "revoker")
	now := time.Now()
	old := revoke(t, revoker, revocation.Entry{User: "carol", At: now})
	for _, user := range []string{"upload", "gateway"} {
		w := open(t, srv, user)
		var changes atomic.Int64
		w.OnChange(func() { changes.Add(1) })
		if err := w.Check("carol", "c", now.Add(-time.Second)); !errors.Is(err, revocation.ErrRevoked) {
			t.Errorf("%s does not know at the start: %v", user, err)
		}
		alice, token := "alice of "+user, "token of "+user
		if err := w.Check(alice, token, now.Add(-time.Second)); err != nil {
			t.Errorf("%s: %v", user, err)
		}
		revoke(t, revoker, revocation.Entry{User: alice, At: now})
		wait(t, w, alice, "", now.Add(-time.Second), revocation.ErrRevoked)
		revoke(t, revoker, revocation.Entry{TokenID: token})
		wait(t, w, "somebody", token, now, revocation.ErrRevoked)
		if changes.Load() < 2 {
			t.Errorf("%s: told of %d changes", user, changes.Load())
		}
		for name, err := range map[string]error{
			"issued in the same second": w.Check(alice, "", now.Truncate(time.Second)),
			"no time of issue":          w.Check(alice, "", time.Time{}),
		} {
			if !errors.Is(err, revocation.ErrRevoked) {
				t.Errorf("%s, %s: %v", user, name, err)
			}
		}
		for name, err := range map[string]error{
			"a new sign-in":             w.Check(alice, "other", now.Truncate(time.Second).Add(time.Second)),
			"somebody else":             w.Check("bob", "other", now.Add(-time.Hour)),
			"a user named as the token": w.Check(token, "", now.Add(-time.Hour)),
			"a token named as the user": w.Check("bob", alice, now.Add(-time.Hour)),
		} {
			if err != nil {
				t.Errorf("%s, %s: %v", user, name, err)
			}
		}
	}
	list, err := revocation.List(t.Context(), revoker)
	if err != nil || len(list) != 5 || list[0].User != "carol" || !list[0].Until.Equal(old.Until) {
		t.Errorf("list %+v, %v", list, err)
	}
}

func TestRestoredTokensAreGoodAgain(t *testing.T) {
	srv := eventstest.Start(t)
	revoker := eventstest.Connect(t, srv, "revoker")
	w := open(t, srv, "gateway")
	now := time.Now()
	alice := revoke(t, revoker, revocation.Entry{User: "alice"})
	wait(t, w, "alice", "", now, revocation.ErrRevoked)
	if err := revocation.Restore(t.Context(), revoker, alice); err != nil {
		t.Fatal(err)
	}
	wait(t, w, "alice", "", now, nil)
	if list, err := revocation.List(t.Context(), revoker); err != nil || len(list) != 0 {
		t.Errorf("list %+v, %v", list, err)
	}
	revoke(t, revoker, alice)
	wait(t, w, "alice", "", now, revocation.ErrRevoked)
}

// No user id stands in a subject: it may be an ID number, or hold a dot.
func TestKeysAreHashes(t *testing.T) {
	srv := eventstest.Start(t)
	revoker := eventstest.Connect(t, srv, "revoker")
	sub, err := eventstest.Connect(t, srv, "sys").Conn().SubscribeSync("$KV.>")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	names := []string{"8001015009087", "a.b", "*", ">", "with space", "\u00e9", strings.Repeat("a", 128)}
	for _, name := range names {
		revoke(t, revoker, revocation.Entry{User: name})
	}
	w := open(t, srv, "upload")
	for _, name := range names {
		if err := w.Check(name, "", time.Time{}); !errors.Is(err, revocation.ErrRevoked) {
			t.Errorf("%q: %v", name, err)
		}
	}
	js := eventstest.Connect(t, srv, "operator")
	s, err := js.Stream(t.Context(), "KV_"+events.KVRevocations)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(t.Context(), jetstream.WithSubjectFilter(">"))
	if err != nil {
		t.Fatal(err)
	}
	if len(info.State.Subjects) != len(names) {
		t.Errorf("%d subjects", len(info.State.Subjects))
	}
	for subject := range info.State.Subjects {
		if slices.ContainsFunc(names[:2], func(n string) bool { return strings.Contains(subject, n) }) {
			t.Errorf("subject %s", subject)
		}
	}
}

// Nobody acts as if nothing were revoked.
func TestWhoCannotReadTheBucketDoesNotStart(t *testing.T) {
	srv := eventstest.Start(t)
	for user, lost := range map[string]bool{"validation": false, "upload": true, "gateway": true} {
		if lost {
			js := eventstest.Connect(t, srv, eventstest.Owner)
			if err := js.DeleteStream(t.Context(), "KV_"+events.KVRevocations); err != nil &&
				!errors.Is(err, jetstream.ErrStreamNotFound) {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		w, err := revocation.Open(ctx, revocation.Config{JetStream: eventstest.Connect(t, srv, user)})
		cancel()
		if err == nil {
			t.Errorf("%s: %+v", user, w)
		}
	}
}

func TestOldKnowledgeIsNotReliedOn(t *testing.T) {
	srv := eventstest.Start(t)
	revoker := eventstest.Connect(t, srv, "revoker")
	revoke(t, revoker, revocation.Entry{User: "alice"})
	w := open(t, srv, "upload", func(c *revocation.Config) { c.MaxAge = 300 * time.Millisecond })
	if err := errors.Join(w.Ready(), w.Check("bob", "", time.Now())); err != nil {
		t.Fatal(err)
	}
	owner := eventstest.Connect(t, srv, eventstest.Owner)
	if err := owner.DeleteStream(t.Context(), "KV_"+events.KVRevocations); err != nil {
		t.Fatal(err)
	}
	wait(t, w, "bob", "", time.Now(), revocation.ErrUnknown)
	if !errors.Is(w.Ready(), revocation.ErrUnknown) {
		t.Errorf("ready: %v", w.Ready())
	}
	// A bucket that was made anew is read, and what was known stays so.
	if err := events.Provision(t.Context(), owner, events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	wait(t, w, "bob", "", time.Now(), nil)
	if err := w.Check("alice", "", time.Time{}); !errors.Is(err, revocation.ErrRevoked) {
		t.Errorf("alice: %v", err)
	}
	revoke(t, revoker, revocation.Entry{User: "bob"})
	wait(t, w, "bob", "", time.Time{}, revocation.ErrRevoked)
}

func TestEntriesEnd(t *testing.T) {
	srv := eventstest.Start(t)
	revoker := eventstest.Connect(t, srv, "revoker")
	var ahead atomic.Int64
	w := open(t, srv, "gateway", func(c *revocation.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	revoke(t, revoker, revocation.Entry{User: "alice"})
	wait(t, w, "alice", "", time.Time{}, revocation.ErrRevoked)
	ahead.Store(int64(2 * time.Hour))
	wait(t, w, "alice", "", time.Time{}, nil)
	s, err := eventstest.Connect(t, srv, eventstest.Owner).Stream(t.Context(), "KV_"+events.KVRevocations)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetMsg(t.Context(), 1)
	if err != nil || m.Header.Get("Nats-TTL") == "" {
		t.Errorf("the server keeps the entry for ever: %v, %v", m, err)
	}
	if err := revocation.Revoke(t.Context(), revoker, revocation.Entry{User: "alice", Until: time.Now()}); err == nil {
		t.Error("an entry that has ended is stored")
	}
	for _, e := range []revocation.Entry{{}, {User: "a", TokenID: "b"}} {
		if revocation.Revoke(t.Context(), revoker, e) == nil || revocation.Restore(t.Context(), revoker, e) == nil {
			t.Errorf("%+v is stored", e)
		}
	}
}

// What is no entry was put there to revoke.
func TestUnreadableEntriesRevoke(t *testing.T) {
	srv := eventstest.Start(t)
	revoker := eventstest.Connect(t, srv, "revoker")
	s, err := eventstest.Connect(t, srv, eventstest.Owner).Stream(t.Context(), "KV_"+events.KVRevocations)
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, srv, "upload")
	for _, body := range []string{"junk", "{}", "null", `{"error":{"code":404}}`} {
		user := "user of " + body
		revoke(t, revoker, revocation.Entry{User: user, At: time.Now().Add(-time.Minute)})
		m, err := s.GetLastMsgForSubject(t.Context(), "$KV."+events.KVRevocations+".>")
		if err != nil {
			t.Fatal(err)
		}
		issued := time.Now()
		wait(t, w, user, "", issued, nil)
		if _, err := revoker.Publish(t.Context(), m.Subject, []byte(body)); err != nil {
			t.Fatal(err)
		}
		wait(t, w, user, "", issued, revocation.ErrRevoked)
	}
}

// Strangers reach the service upload, which may write entries. None of its messages removes
// those of others, also in a bucket that an earlier version made.
func TestNoMessageEmptiesTheBucket(t *testing.T) {
	srv := eventstest.Start(t)
	owner := eventstest.Connect(t, srv, eventstest.Owner)
	if err := owner.DeleteStream(t.Context(), "KV_"+events.KVRevocations); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{
		Bucket: events.KVRevocations, LimitMarkerTTL: time.Minute,
	}); err != nil {
		t.Fatal(err)
	}
	upload := eventstest.Connect(t, srv, "upload")
	revoke(t, upload, revocation.Entry{User: "alice"})
	provisioner := eventstest.Connect(t, srv, "provisioner")
	if err := events.Provision(t.Context(), provisioner, events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	revoke(t, upload, revocation.Entry{User: "bob"})
	for _, kind := range []string{"all", "sub"} {
		msg := nats.NewMsg("$KV." + events.KVRevocations + ".token.x")
		msg.Header.Set(jetstream.MsgRollup, kind)
		if _, err := upload.PublishMsg(t.Context(), msg); err == nil {
			t.Errorf("a message that rolls up %q was stored", kind)
		}
	}
	list, err := revocation.List(t.Context(), upload)
	if err != nil || len(list) != 2 {
		t.Errorf("entries %+v, %v; want those of alice and bob", list, err)
	}
}
