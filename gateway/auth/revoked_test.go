package auth

import (
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/events/revocation"
)

func TestRevokedTokensAreRefused(t *testing.T) {
	srv := eventstest.Start(t)
	w, err := revocation.Open(t.Context(), revocation.Config{JetStream: eventstest.Connect(t, srv, "gateway")})
	if err != nil {
		t.Fatal(err)
	}
	later := time.Duration(0)
	now := time.Now()
	v, err := New(t.Context(), Config{Secret: secret, Revocations: w, Now: func() time.Time { return now.Add(later) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	// A user whose sub is an ID number is known by a hash, also where tokens are revoked.
	number := "8001015009087"
	token, err := Mint(secret, number, "member", time.Hour, now.Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	c, err := v.Verify(token)
	if err != nil || v.Revoked(c) {
		t.Fatalf("%+v, %v", c, err)
	}
	e := revocation.Entry{User: events.UserID(number), At: now, Until: now.Add(time.Hour)}
	if err := revocation.Revoke(t.Context(), eventstest.Connect(t, srv, "revoker"), e); err != nil {
		t.Fatal(err)
	}
	if w, err = revocation.Open(t.Context(), revocation.Config{
		JetStream: eventstest.Connect(t, srv, "gateway"), MaxAge: time.Minute,
		Now: func() time.Time { return now.Add(later) },
	}); err != nil {
		t.Fatal(err)
	}
	v.revocations = w
	if _, err := v.Verify(token); Reason(err) != ReasonRevoked || !v.Revoked(c) {
		t.Errorf("revoked: %v", err)
	}
	later = 2 * time.Minute
	if _, err := v.Verify(token); refusal.Status(err.(*refusal.Error).Code) != 503 || Reason(err) != "" || v.Revoked(c) {
		t.Errorf("not known: %v", err)
	}
}
