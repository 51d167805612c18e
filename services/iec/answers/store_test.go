package answers

import (
	"sync"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
)

func TestOpenRefusesImpossibleAges(t *testing.T) {
	for _, cfg := range []Config{{}, {Key: "k", Registered: -1}, {Key: "k", Registered: events.VerdictsTTL + 1},
		{Key: "k", NotRegistered: 100 * time.Hour}} {
		if _, err := Open(nil, cfg); err == nil {
			t.Errorf("Open accepts %+v", cfg)
		}
	}
}

// clock is a clock that stands still.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Fresh answers only are used, whether they are in the log or in a bucket.
func TestFreshAnswersOnlyAreUsed(t *testing.T) {
	srv := eventstest.Start(t)
	c := &clock{at: time.Now()}
	s := open(t, srv, func(s *Store) { s.cfg.Now, s.log.now = c.now, c.now })
	answered := c.now()
	ids := map[records.VerdictStatus]string{records.Registered: "8001015009087", records.NotRegistered: "9001010001088"}
	for status, id := range ids {
		if err := s.Put(t.Context(), id, records.Verdict{N: 7, Status: status, Ward: "79800001",
			At: answered}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(t.Context(), "8506155000084", records.Verdict{Status: records.Unverified}); err != nil {
		t.Fatal(err)
	}
	for _, in := range []string{"log", "bucket"} {
		if in == "bucket" {
			fold(t, s, false)
			s = open(t, srv, func(s *Store) { s.cfg.Now, s.log.now = c.now, c.now })
		}
		for _, tt := range []struct {
			name  string
			id    string
			age   time.Duration
			since time.Time
			ok    bool
		}{
			{"registered, young", ids[records.Registered], 23 * time.Hour, answered.Add(time.Hour), true},
			{"registered, old", ids[records.Registered], 25 * time.Hour, answered.Add(time.Hour), false},
			{"not registered, young", ids[records.NotRegistered], 59 * time.Minute, answered.Add(time.Minute), true},
			{"not registered, old", ids[records.NotRegistered], 61 * time.Minute, answered.Add(time.Minute), false},
			{"old, but of this job", ids[records.NotRegistered], 6 * time.Hour, answered, true},
			{"of this job, but not kept any more", ids[records.Registered], events.VerdictsTTL, answered, false},
			{"unverified is not kept", "8506155000084", 0, answered, false},
			{"never asked", "8001015009285", 0, answered, false},
		} {
			t.Run(in+" "+tt.name, func(t *testing.T) {
				c.add(tt.age)
				defer c.add(-tt.age)
				many, seen, err := s.GetMany(t.Context(), []string{tt.id}, tt.since)
				if err != nil || many[0].IsZero() == tt.ok {
					t.Fatalf("%+v, want %v, err %v", many, tt.ok, err)
				}
				one, err := s.Get(t.Context(), tt.id, tt.since, Unseen)
				if err != nil || one != many[0] {
					t.Fatalf("alone: %+v, %v", one, err)
				}
				if !tt.ok {
					one, err = s.Get(t.Context(), tt.id, tt.since, seen)
					if err != nil || !one.IsZero() {
						t.Fatalf("after a look-up: %+v, %v", one, err)
					}
				} else if v := one.Verdict(3); v.Ward != "79800001" || v.N != 3 || !v.At.Equal(answered) {
					t.Fatalf("verdict %+v", v)
				}
			})
		}
	}
}

// Answers of many people are all there, exactly as they were put, in the process that had
// them and in others, before and after they were folded. NATS has no key for each.
func TestManyPeopleAreKept(t *testing.T) {
	const people = 6000
	srv := eventstest.Start(t)
	s, other := open(t, srv), open(t, srv)
	putAll(t, s, 0, people)
	if n := messages(t, srv, events.StreamIEC, events.SubjectAnswers); n > people/4 {
		t.Errorf("%d messages", n)
	}
	checkAll(t, s, 0, people)
	checkAll(t, other, 0, people)
	fold(t, s, false)
	checkAll(t, s, 0, people)
	checkAll(t, other, 0, people)
	checkAll(t, open(t, srv), 0, people)
	if n := messages(t, srv, events.StreamIEC, events.SubjectAnswers); n != 1 {
		t.Errorf("the log has %d messages with answers after the fold; one says that there was one", n)
	}
	if n := messages(t, srv, "KV_"+events.KVVerdicts, answerKeys); n > buckets || n == 0 {
		t.Errorf("%d keys of answers", n)
	}
	if n := messages(t, srv, "KV_"+events.KVStations, "$KV.>"); n > 300 {
		t.Errorf("%d keys of what they have in common", n)
	}
	// The next ones join them.
	putAll(t, other, people, people+100)
	fold(t, other, true)
	checkAll(t, open(t, srv), 0, people+100)
	if v, err := s.GetAnyAge(t.Context(), idOf(3)); err != nil || v == nil || *v != verdictOf(3) {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := s.GetAnyAge(t.Context(), idOf(people+100)); err != nil || v != nil {
		t.Errorf("%+v, %v", v, err)
	}
}

// An answer takes the place of the one before, wherever that is.
func TestTheLastAnswerIsKept(t *testing.T) {
	srv := eventstest.Start(t)
	s := open(t, srv)
	for i, ward := range []string{"79800001", "79800002", "79800003", "79800004"} {
		v := records.Verdict{Status: records.Registered, Ward: ward, At: answeredAt.Add(time.Duration(i))}
		if err := s.Put(t.Context(), idOf(1), v); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for _, s := range []*Store{s, open(t, srv)} {
				if kept, err := s.GetAnyAge(t.Context(), idOf(1)); err != nil || kept == nil || *kept != v {
					t.Errorf("%+v, %v; want %+v", kept, err, v)
				}
			}
			if i%2 == 1 {
				fold(t, s, false)
			}
		}
	}
}
