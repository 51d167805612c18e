package iec

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/iec/sim"
)

func newUserQuota(t *testing.T, r *rig, cfg QuotaConfig) *UserQuota {
	t.Helper()
	q, err := NewUserQuota(openBucket(t, r.nats, events.KVQuota), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// Three replicas call for two users as fast as they may for six accelerated hours:
// no rolling hour of a user holds more than the user's part, and little of it is
// left unused.
func TestNoRollingHourOfAUserHoldsMoreThanTheirPart(t *testing.T) {
	t.Parallel() // it waits for the most part
	r := &rig{nats: eventstest.Start(t)}
	c := newClock()
	const limit = 60
	users := []string{"alice", "8001015009087"}
	replicas := map[string][]*allowance{}
	for range 3 {
		q := newUserQuota(t, r, QuotaConfig{Limit: limit, Now: c.now})
		for _, user := range users {
			replicas[user] = append(replicas[user], q.join(user))
		}
	}
	calls := map[string][]time.Time{}
	start := c.now()
	for c.now().Sub(start) < 6*time.Hour {
		for range rand.IntN(60) {
			user := users[rand.IntN(len(users))]
			err := replicas[user][rand.IntN(3)].acquire(t.Context())
			var spent *SpentError
			if errors.As(err, &spent) {
				if !spent.OfUser || !spent.Quota.ResetAt.After(c.now()) || spent.Quota.Limit != limit {
					t.Fatalf("%+v at %s", spent, c.now())
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			calls[user] = append(calls[user], c.now())
		}
		c.add(rand.N(10 * time.Minute))
	}
	for user, made := range calls {
		first := 0
		for i, at := range made {
			for at.Sub(made[first]) >= time.Hour {
				first++
			}
			if n := i - first + 1; n > limit {
				t.Fatalf("%d calls of %s in the hour before %s", n, user, at)
			}
		}
		if len(made) < 5*limit*7/10 {
			t.Fatalf("only %d calls of %s in six hours of %d each", len(made), user, limit)
		}
	}
	keys, err := openBucket(t, r.nats, events.KVQuota).Keys(t.Context())
	if err == nil {
		t.Fatalf("the service may list the keys: %q", keys)
	}
	info, err := eventstest.Connect(t, r.nats, eventstest.Owner).KeyValue(t.Context(), events.KVQuota)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err = info.Keys(t.Context()); err != nil || len(keys) != 2 {
		t.Fatalf("%q, %v", keys, err)
	}
	for _, key := range keys {
		for _, user := range users {
			if strings.Contains(key, user) {
				t.Errorf("the key %s names the user", key)
			}
		}
	}
}

func TestUnusedCallsOfAUserAreGivenBack(t *testing.T) {
	r := &rig{nats: eventstest.Start(t)}
	c := newClock()
	q := newUserQuota(t, r, QuotaConfig{Limit: 100, Now: c.now})
	first, second := q.join("alice"), q.join("alice")
	for _, a := range []*allowance{first, second} {
		if err := a.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	second.giveBack()
	used := func() int {
		st, err := q.State(t.Context(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		return st.Used
	}
	if err := first.leave(t.Context()); err != nil || used() != 20 {
		t.Errorf("while a job goes on: %d, %v", used(), err)
	}
	if err := second.leave(t.Context()); err != nil || used() != 1 {
		t.Errorf("after the last job: %d, %v", used(), err)
	}
	if st, err := q.State(t.Context(), "bob"); err != nil || st != (events.Quota{Limit: 100}) {
		t.Errorf("another user: %+v, %v", st, err)
	}
	none := newUserQuota(t, r, QuotaConfig{})
	if err := none.join("alice").acquire(t.Context()); err != nil {
		t.Error(err)
	}
	if st, err := none.State(t.Context(), "alice"); err != nil || st != (events.Quota{}) {
		t.Errorf("without a limit: %+v, %v", st, err)
	}
}

// Alice's jobs wait for her own part. What is known costs her nothing, and Bob's
// job goes on meanwhile.
func TestAUserWhoseCallsAreSpentWaitsAlone(t *testing.T) {
	t.Parallel() // it waits for the most part
	r := newStage(t, sim.Config{})
	const each = 30
	r.addReplica(t, 10_000, withHourWindow, func(c *Config) {
		c.Users = newUserQuota(t, r, QuotaConfig{Limit: each, Window: 40 * time.Second})
	})
	people := makeIDs(100)
	eventstest.WaitKind(t, r.log, r.addJob(t, people[:each], events.Options{}).ID, events.KindVerified)
	alice := r.addJob(t, people[each:40], events.Options{})
	paused := eventstest.WaitKind(t, r.log, alice.ID, events.KindPaused).Paused
	if q := paused.Quota; paused.Reason != events.PauseUserQuota || q == nil || q.Limit != each || q.Used != each ||
		paused.Processed != 0 || paused.Total != 10 || !paused.ResumesAt.Equal(q.ResetAt) ||
		!strings.Contains(paused.Message, "your jobs") {
		t.Errorf("%+v, quota %+v", paused, paused.Quota)
	}
	if n := r.sim.Stats().Calls; n != each {
		t.Errorf("%d calls", n)
	}
	// Bob uploads as many, of whom he shares some with Alice.
	bob := events.User{ID: "bob", Role: "member"}
	shared := append(append([]string{}, people[:each]...), people[60:60+each]...)
	done := eventstest.WaitKind(t, r.log, r.addJobOf(t, bob, shared, events.Options{}).ID, events.KindVerified)
	if s := done.Verified.Stats; s.Calls != each || s.Cached != each {
		t.Errorf("bob: %+v", s)
	}
	// Alice has nothing left, and needs nothing for those who are known.
	known := eventstest.WaitKind(t, r.log, r.addJob(t, shared, events.Options{}).ID, events.KindVerified)
	if s := known.Verified.Stats; s.Calls != 0 || s.Cached != 2*each {
		t.Errorf("alice, of known people: %+v", s)
	}
	now, err := r.log.Load(t.Context(), alice.ID)
	if err != nil || now.Kind != events.KindPaused {
		t.Errorf("alice's job is %s, %v", now.Kind, err)
	}
	done = r.waitVerified(t, alice.ID)
	r.checkVerdicts(t, done, people[each:40])
	if s := r.sim.Stats(); s.MaxCalls != 1 {
		t.Errorf("simulator %+v", s)
	}
}
