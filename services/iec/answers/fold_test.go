package answers

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
)

// A fold that dies at any moment loses nothing, and the next one ends it.
func TestAFoldThatDiesLosesNothing(t *testing.T) {
	const people = 800
	died := errors.New("died")
	srv := eventstest.Start(t)
	for round, writes := range []int64{0, 5, 200, 400, 600} {
		s := open(t, srv)
		putAll(t, s, round*people, (round+1)*people)
		var done atomic.Int64
		setFault(s, func(subject string) (before, after error) {
			if done.Add(1) > writes {
				return died, nil
			}
			return nil, nil
		})
		if err := s.Fold(t.Context(), false); !errors.Is(err, died) {
			t.Fatalf("after %d writes: %v", writes, err)
		}
		checkAll(t, s, 0, (round+1)*people)
		checkAll(t, open(t, srv), 0, (round+1)*people)
		if round%2 == 1 {
			other := open(t, srv)
			fold(t, other, false)
			checkAll(t, other, 0, (round+1)*people)
		}
	}
}

// Several processes may fold at once, while others put answers.
func TestFoldsAtOnceLoseNothing(t *testing.T) {
	const people = 2000
	srv := eventstest.Start(t)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 3 {
		s := open(t, srv)
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := s.Fold(ctx, false); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	s := open(t, srv)
	putAll(t, s, 0, people)
	stop()
	wg.Wait()
	checkAll(t, s, 0, people)
	fold(t, s, true)
	checkAll(t, open(t, srv), 0, people)
}

// A process that has slept finds in the buckets what is no longer in the log.
func TestWhoMissesMessagesFindsTheirAnswers(t *testing.T) {
	srv := eventstest.Start(t)
	sleeper, s := open(t, srv), open(t, srv)
	_, seen, err := sleeper.GetMany(t.Context(), []string{idOf(1)}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		putAll(t, s, n*10, n*10+10)
		fold(t, s, false)
	}
	claim := sleeper.mustClaim(t, idOf(1), "job")
	a, err := sleeper.Get(t.Context(), idOf(1), time.Time{}, seen)
	if err != nil || a.IsZero() || claim == nil {
		t.Fatalf("%+v, %v, claim %v", a, err, claim)
	}
	checkAll(t, sleeper, 0, 30)
}

// A process that starts does not hear of claims whose answers it does not hear of either,
// and hears of those that are held.
func TestEndedClaimsLeaveTheLog(t *testing.T) {
	srv := eventstest.Start(t)
	s := open(t, srv)
	for n := range 30 {
		if s.mustClaim(t, idOf(n), "job") == nil {
			t.Fatal("no claim")
		}
	}
	putAll(t, s, 0, 20)
	fold(t, s, false)
	other := open(t, srv)
	checkAll(t, other, 0, 20)
	if n := len(other.log.state.claims); n != 10 {
		t.Errorf("%d claims are held", n)
	}
	for n := 20; n < 30; n++ {
		if other.mustClaim(t, idOf(n), "another") != nil {
			t.Errorf("two have the claim on person %d", n)
		}
	}
	putAll(t, other, 20, 30)
	fold(t, other, false)
	if n := messages(t, srv, events.StreamIEC, events.SubjectClaims); n != 0 {
		t.Errorf("%d messages of claims are left", n)
	}
}

// What is forgotten is gone from the log, from the buckets, and for every process.
func TestWhatIsForgottenIsGone(t *testing.T) {
	srv := eventstest.Start(t)
	s, other := open(t, srv), open(t, srv)
	privacy, err := Open(eventstest.Connect(t, srv, "privacy"), Config{Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(privacy.Close)
	putAll(t, s, 0, 100)
	fold(t, s, false)
	putAll(t, s, 100, 200)
	checkAll(t, other, 0, 200)
	for _, n := range []int{7, 107} { // one in a bucket, one in the log
		if v, err := privacy.GetAnyAge(t.Context(), idOf(n)); err != nil || v == nil || *v != verdictOf(n) {
			t.Fatalf("%+v, %v", v, err)
		}
		if err := privacy.Forget(t.Context(), idOf(n)); err != nil {
			t.Fatal(err)
		}
		for _, s := range []*Store{s, other, privacy, open(t, srv)} {
			if v, err := s.GetAnyAge(t.Context(), idOf(n)); err != nil || v != nil {
				t.Errorf("person %d: %+v, %v", n, v, err)
			}
		}
		k := s.keyOf(idOf(n))
		if text := strings.Join(logOf(t, s), ""); strings.Contains(text, k.String()) {
			t.Errorf("the log still has person %d: %s", n, text)
		}
		for m, err := range events.Messages(t.Context(), s.js, "KV_"+events.KVVerdicts, events.AllSubjects, 1) {
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(m.Data, k[:]) {
				t.Errorf("%s still has person %d", m.Subject, n)
			}
		}
	}
	checkAll(t, open(t, srv), 0, 7)
	checkAll(t, open(t, srv), 8, 107)
	checkAll(t, open(t, srv), 108, 200)
	if err := privacy.Forget(t.Context(), idOf(999)); err != nil {
		t.Errorf("nobody: %v", err)
	}
}

// Answers are kept for no longer than events.VerdictsTTL, however often their buckets are
// written. What they had in common goes, too.
func TestOldAnswersAreRemoved(t *testing.T) {
	srv := eventstest.Start(t)
	c := &clock{at: time.Now()}
	s := open(t, srv, func(s *Store) { s.cfg.Now, s.log.now = c.now, c.now })
	putAll(t, s, 0, 500)
	fold(t, s, true)
	c.add(events.VerdictsTTL + time.Hour)
	fold(t, s, true)
	for m, err := range events.Messages(t.Context(), s.js, "KV_"+events.KVVerdicts, events.AllSubjects, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Data) != bucketHead {
			t.Errorf("%s has %d bytes", m.Subject, len(m.Data))
		}
	}
	// Another answer of the same group drops those that nothing refers to.
	c.add(unusedFor)
	v := verdictOf(3)
	v.At = c.now()
	if err := s.Put(t.Context(), idOf(3), v); err != nil {
		t.Fatal(err)
	}
	fold(t, s, true)
	id := s.dictionary.idOf(s.dictionary.intern(&v))
	values, err := s.stations.read(t.Context(), []string{id.group()})
	if err != nil {
		t.Fatal(err)
	}
	list, err := parseGroup(values[id.group()].Data)
	if err != nil || len(list) != 1 || list[0].ID != id {
		t.Errorf("%+v, %v", list, err)
	}
	if n := len(s.dictionary.known); n != 1 {
		t.Errorf("%d are in memory", n)
	}
}

// A log that was made anew, or restored, begins with lower sequences than the buckets know.
func TestALogThatBeginsAgainLosesNothing(t *testing.T) {
	srv := eventstest.Start(t)
	s := open(t, srv)
	putAll(t, s, 0, 3000)
	fold(t, s, false)
	owner := eventstest.Connect(t, srv, eventstest.Owner)
	if err := owner.DeleteStream(t.Context(), events.StreamIEC); err != nil {
		t.Fatal(err)
	}
	if err := events.Provision(t.Context(), owner, events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	eventstest.Wait(t, "the process to notice", func() bool {
		return s.Put(t.Context(), idOf(3000), verdictOf(3000)) == nil
	})
	putAll(t, s, 3000, 3200)
	checkAll(t, s, 0, 3200)
	fold(t, s, false)
	checkAll(t, open(t, srv), 0, 3200)
}

// A fold that was at work when the log began again removes nothing of the new log.
func TestAFoldOfALogThatEndedRemovesNothing(t *testing.T) {
	srv := eventstest.Start(t)
	s := open(t, srv)
	putAll(t, s, 0, 50)
	if err := s.trim(t.Context(), s.log.epoch-1, 1<<20); !errors.Is(err, errBegunAgain) {
		t.Errorf("trim: %v", err)
	}
	if n := messages(t, srv, events.StreamIEC, events.SubjectAnswers); n < 2 {
		t.Errorf("%d messages are left", n)
	}
}

// A bucket without what its answers refer to is one that is asked for again.
func TestAnAnswerWithoutItsStationIsAskedForAgain(t *testing.T) {
	srv := eventstest.Start(t)
	s := open(t, srv)
	putAll(t, s, 0, 10)
	fold(t, s, false)
	stations, err := eventstest.Connect(t, srv, eventstest.Owner).Stream(t.Context(), "KV_"+events.KVStations)
	if err != nil {
		t.Fatal(err)
	}
	if err := stations.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, _, err := open(t, srv).GetMany(t.Context(), []string{idOf(1)}, time.Time{})
	if err != nil || !list[0].IsZero() {
		t.Errorf("%+v, %v", list, err)
	}
}

// A log that was restored from a backup has the same epoch as before, and lower sequences.
func TestBucketsAheadOfTheLogAreWritten(t *testing.T) {
	srv := eventstest.Start(t)
	s := open(t, srv)
	putAll(t, s, 0, 10)
	k := s.keyOf(idOf(3))
	ahead := bucket{epoch: s.log.epoch, seq: 1 << 40}
	if err := s.verdicts.write(t.Context(), nameOfBucket(bucketOf(k)), ahead.encode(), 0); err != nil {
		t.Fatal(err)
	}
	fold(t, s, false)
	checkAll(t, open(t, srv), 0, 10)
}

// When NATS takes an append but its answer is lost, the append is repeated and counts once.
func TestALostAnswerToAnAppend(t *testing.T) {
	srv := eventstest.Start(t)
	s := open(t, srv)
	var n atomic.Int64
	setFault(s, func(string) (before, after error) {
		if n.Add(1)%2 == 1 {
			return nil, context.DeadlineExceeded
		}
		return nil, nil
	})
	claim := s.mustClaim(t, idOf(1), "job")
	if claim == nil {
		t.Fatal("no claim")
	}
	putAll(t, s, 0, 50)
	if err := claim.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkAll(t, open(t, srv), 0, 50)
	refused := &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum messages exceeded"}
	setFault(s, func(string) (before, after error) { return refused, nil })
	if err := s.Put(t.Context(), idOf(1), verdictOf(1)); !errors.Is(err, error(refused)) {
		t.Errorf("a refusal is not repeated: %v", err)
	}
}

// Answers that an earlier version kept under a key each are taken over, once.
func TestAnswersOfAnEarlierVersionAreKept(t *testing.T) {
	const people = 1200
	srv := eventstest.Start(t)
	keepOneByOne(t, srv, people)
	s := open(t, srv)
	checkAll(t, s, 0, people)
	if n := messages(t, srv, "KV_"+events.KVVerdicts, oneByOne); n != 0 {
		t.Errorf("%d keys are left", n)
	}
	fold(t, s, true)
	checkAll(t, open(t, srv), 0, people)
	if s.mustClaim(t, idOf(people), "job") == nil {
		t.Error("no claim")
	}
}

// keepOneByOne stores answers as the earlier version did.
func keepOneByOne(t *testing.T, srv *embedded.Server, people int) {
	t.Helper()
	kv, err := eventstest.Connect(t, srv, "iec").KeyValue(t.Context(), events.KVVerdicts)
	if err != nil {
		t.Fatal(err)
	}
	oldName := func(id string) string {
		mac := hmac.New(sha256.New, []byte("k"))
		mac.Write([]byte(id))
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
	}
	for n := range people {
		value, err := json.Marshal(verdictOf(n))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(t.Context(), oldName(idOf(n)), value); err != nil {
			t.Fatal(err)
		}
	}
	if err := kv.Purge(t.Context(), oldName("9001010001088")); err != nil {
		t.Fatal(err)
	}
}

// Run folds when there is enough, so that the log stays short.
func TestRunFoldsWhatGathers(t *testing.T) {
	srv := eventstest.Start(t)
	s := open(t, srv, func(s *Store) { s.log.foldAt = 100 })
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	putAll(t, s, 0, 1000)
	eventstest.Wait(t, "the log to be short", func() bool {
		s.log.mu.Lock()
		defer s.log.mu.Unlock()
		return s.log.state.unfolded < 100 && s.log.state.folded > 0
	})
	stop()
	wg.Wait()
	checkAll(t, open(t, srv), 0, 1000)
}
