package person_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"rollcall.example/events/eventstest"
	"rollcall.example/events/person"
)

const id = "8001015009087"

func newKey(t *testing.T, secret string) *person.Key {
	t.Helper()
	k, err := person.NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAHashNamesAPersonWithTheSameKeyOnly(t *testing.T) {
	k, other := newKey(t, person.NewSecret()), newKey(t, person.NewSecret())
	hash := k.Hash(id)
	if again := k.Hash(id); again != hash {
		t.Errorf("%s, then %s", hash, again)
	}
	if hash == k.Hash("9001010001088") || hash == other.Hash(id) || len(hash) != 22 {
		t.Errorf("%s, %s", hash, other.Hash(id))
	}
	if _, err := person.NewKey(strings.Repeat("x", person.LeastSecret-1)); err == nil ||
		strings.Contains(err.Error(), "xxx") {
		t.Errorf("a short secret: %v", err)
	}
}

func TestSealedDataOpensUnderItsNameOnly(t *testing.T) {
	k, other := newKey(t, person.NewSecret()), newKey(t, person.NewSecret())
	sealed := k.Seal("a", []byte(id))
	if bytes.Contains(sealed, []byte(id)) {
		t.Error("it is in the clear")
	}
	if plain, err := k.Open("a", sealed); err != nil || string(plain) != id {
		t.Errorf("%s, %v", plain, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"another name": func() ([]byte, error) { return k.Open("b", sealed) },
		"another key":  func() ([]byte, error) { return other.Open("a", sealed) },
		"altered":      func() ([]byte, error) { return k.Open("a", append(bytes.Clone(sealed), 0)) },
		"nothing":      func() ([]byte, error) { return k.Open("a", nil) },
	} {
		if _, err := open(); !errors.Is(err, person.ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// privacy writes the list, validation and persistence read it.
func TestAnObjectionStaysUntilItIsLifted(t *testing.T) {
	srv := eventstest.Start(t)
	k := newKey(t, person.NewSecret())
	writer := eventstest.Connect(t, srv, "privacy")
	has := func() bool {
		t.Helper()
		var last bool
		for i, user := range []string{"validation", "persistence"} {
			list, err := person.LoadObjections(t.Context(), eventstest.Connect(t, srv, user), k)
			if err != nil {
				t.Fatal(err)
			}
			if now := list.Has(id); i == 0 {
				last = now
			} else if now != last {
				t.Error("two readers do not agree")
			}
			if list.Has("9001010001088") || list.Len() > 1 {
				t.Error("somebody else is on the list")
			}
		}
		return last
	}
	if has() {
		t.Error("on an empty list")
	}
	for range 2 {
		if err := person.Object(t.Context(), writer, k.Hash(id), "case-1", time.Now()); err != nil {
			t.Fatal(err)
		}
		if !has() {
			t.Error("not on the list")
		}
	}
	for range 2 {
		if err := person.Lift(t.Context(), writer, k.Hash(id)); err != nil {
			t.Fatal(err)
		}
		if has() {
			t.Error("still on the list")
		}
	}
	if err := person.Object(t.Context(), writer, k.Hash(id), "case-2", time.Now()); err != nil || !has() {
		t.Errorf("not on the list again: %v", err)
	}
	var none *person.Objections
	if none.Has(id) || none.Len() != 0 {
		t.Error("nil has somebody")
	}
}
