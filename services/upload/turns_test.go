package upload

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// takeTurns takes a place for each user of the list, in that order, and returns who got
// one so far. Done gives a user's place back.
func takeTurns(
	t *testing.T, ctx context.Context, places *turns, users string,
) (got func() string, done func(user byte)) {
	t.Helper()
	var order []byte
	ends := map[byte]chan struct{}{}
	lock := make(chan struct{}, 1)
	for _, user := range []byte(users) {
		if ends[user] == nil {
			ends[user] = make(chan struct{})
		}
		go func() {
			release, err := places.take(ctx, string(user))
			if err != nil {
				return
			}
			lock <- struct{}{}
			order = append(order, user)
			<-lock
			<-ends[user]
			release()
		}()
		synctest.Wait()
	}
	return func() string { synctest.Wait(); return string(order) },
		func(user byte) { ends[user] <- struct{}{}; synctest.Wait() }
}

func TestUsersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		got, done := takeTurns(t, ctx, newTurns(2), "aaaabbc")
		want := func(order string) {
			t.Helper()
			if got() != order {
				t.Fatalf("places went to %s, want %s", got(), order)
			}
		}
		want("ab") // a alone does not hold both
		done('a')
		want("aba") // a waited before c
		done('a')
		want("abac") // and c before a came again
		done('b')
		want("abacb")
		done('b')
		want("abacba")
		done('c')
		want("abacba") // only a waits, who has a place
		cancel()
		want("abacba")
		done('a')
		want("abacba")
	})
}

func TestWhoGivesUpWaitsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := newTurns(1)
		release, err := places.take(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var taken atomic.Bool
		go func() {
			if _, err := places.take(ctx, "b"); !errors.Is(err, context.DeadlineExceeded) {
				taken.Store(true)
			}
		}()
		time.Sleep(2 * time.Second)
		release()
		synctest.Wait()
		if taken.Load() || places.held != 0 || len(places.waiting) != 0 || len(places.holding) != 0 {
			t.Errorf("taken %v, %+v", taken.Load(), places)
		}
	})
}
