package answers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

func (s *Store) mustClaim(t *testing.T, id, job string) *Claim {
	t.Helper()
	c, err := s.Claim(t.Context(), id, job)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The claims of a process that was killed hold up other jobs until they end, but
// not the same job when it resumes.
func TestAJobReclaimsItsOwnClaims(t *testing.T) {
	srv := eventstest.Start(t)
	s, other := open(t, srv), open(t, srv)
	id := idOf(1)
	if s.mustClaim(t, id, "job-1") == nil {
		t.Fatal("no claim")
	}
	if other.mustClaim(t, id, "job-2") != nil || s.mustClaim(t, id, "job-2") != nil {
		t.Error("another job has a claim, too")
	}
	again := other.mustClaim(t, id, "job-1")
	if again == nil {
		t.Fatal("the same job gets no claim")
	}
	if err := again.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.mustClaim(t, id, "job-2") == nil {
		t.Error("another job gets no claim after the release")
	}
	if text := fmt.Sprint(logOf(t, s)); strings.Contains(text, id) {
		t.Errorf("the log names a person: %s", text)
	}
}

// logOf returns the bodies of the log's messages.
func logOf(t *testing.T, s *Store) (list []string) {
	t.Helper()
	for m, err := range events.Messages(t.Context(), s.js, events.StreamIEC, events.AllSubjects, 1) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m.Subject+string(m.Data)+fmt.Sprint(m.Header))
	}
	return list
}

// A worker that lost its claim must not end that of its successor.
func TestOnlyItsHolderEndsAClaim(t *testing.T) {
	srv := eventstest.Start(t)
	s, other := open(t, srv), open(t, srv)
	late := s.mustClaim(t, idOf(1), "job-1")
	other.mustClaim(t, idOf(1), "job-1") // its successor on the same job
	if err := late.Release(t.Context()); err != nil {
		t.Errorf("nothing to release is no failure: %v", err)
	}
	if other.mustClaim(t, idOf(1), "job-2") != nil {
		t.Error("another job got the claim")
	}
}

// A job that waits long for a turn, or retries often, renews its claim before the call.
func TestAClaimIsRenewedBeforeItEnds(t *testing.T) {
	srv := eventstest.Start(t)
	c := &clock{at: time.Now()}
	s, other := open(t, srv), open(t, srv, func(s *Store) { s.cfg.Now, s.log.now = c.now, c.now })
	mine := s.mustClaim(t, idOf(1), "job-1")
	young := mine.seq
	if err := mine.Renew(t.Context()); err != nil || mine.seq != young {
		t.Errorf("a young claim: %v, sequence %d", err, mine.seq)
	}
	mine.renewedAt = mine.renewedAt.Add(-events.ClaimTTL / 2)
	if err := mine.Renew(t.Context()); err != nil || mine.seq == young || time.Since(mine.renewedAt) > time.Minute {
		t.Errorf("an old claim: %v, sequence %d of %s", err, mine.seq, mine.renewedAt)
	}
	// For another process two minutes have passed, so it takes the claim over.
	if other.mustClaim(t, idOf(1), "job-2") != nil {
		t.Error("another job got the claim at once")
	}
	c.add(events.ClaimTTL + time.Second)
	if other.mustClaim(t, idOf(1), "job-2") == nil {
		t.Fatal("nobody can take over a claim that has ended")
	}
	mine.renewedAt = mine.renewedAt.Add(-events.ClaimTTL)
	if err := mine.Renew(t.Context()); !errors.Is(err, ErrClaimLost) {
		t.Errorf("a claim that ended: %v", err)
	}
	if s.mustClaim(t, idOf(1), "job-1") != nil {
		t.Error("two have the claim")
	}
}

// A job that is stopped while it claims leaves no claim behind that others would wait for.
func TestAStoppedClaimIsNotLeftBehind(t *testing.T) {
	srv := eventstest.Start(t)
	s := open(t, srv)
	gone := errors.New("cancelled")
	for i := range 200 {
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := time.AfterFunc(rand.N(200*time.Microsecond), func() { cancel(gone) })
		mine, err := s.Claim(ctx, idOf(i), "job")
		stop.Stop()
		if err != nil && !errors.Is(err, gone) {
			t.Fatal(err)
		}
		if mine == nil {
			continue
		}
		if err := mine.Release(ctx); err != nil {
			t.Fatal(err)
		}
		cancel(nil)
	}
	if n := len(s.log.state.claims); n != 0 {
		t.Errorf("%d claims are left", n)
	}
}

// Claims that nobody ends leave the memory.
func TestEndedClaimsAreSwept(t *testing.T) {
	st := newState()
	at := time.Now()
	for n := range 20_000 {
		at = at.Add(time.Second)
		m := message{Claims: []claimed{{Person: key{byte(n), byte(n >> 8)}, Job: "job"}}}
		if granted := st.apply(uint64(n+1), at, &m, nil); !granted[0] {
			t.Fatal("not granted")
		}
	}
	if len(st.claims) > 2000 {
		t.Errorf("%d claims", len(st.claims))
	}
}

// Processes that ask about the same people, while answers are folded all the time, ask
// about each one once, and each gets all the answers.
func TestEachPersonIsAskedOnce(t *testing.T) {
	const people, processes, jobs = 600, 3, 2
	srv := eventstest.Start(t)
	ctx, stop := context.WithCancel(t.Context())
	var asked [people]atomic.Int32
	var work, folds sync.WaitGroup
	for p := range processes {
		s := open(t, srv)
		folds.Go(func() {
			for ctx.Err() == nil {
				if err := s.Fold(ctx, rand.N(4) == 0); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				time.Sleep(rand.N(20 * time.Millisecond))
			}
		})
		for j := range jobs {
			job := fmt.Sprintf("job-%d-%d", p, j)
			work.Go(func() {
				if err := s.askAbout(t, job, rand.Perm(people), &asked); err != nil {
					t.Error(err)
				}
			})
		}
	}
	work.Wait()
	stop()
	folds.Wait()
	for n := range asked {
		if k := asked[n].Load(); k != 1 {
			t.Errorf("person %d was asked about %d times", n, k)
		}
	}
	checkAll(t, open(t, srv), 0, people)
}

// askAbout does what a job does with its rows, twenty at a time.
func (s *Store) askAbout(t *testing.T, job string, people []int, asked *[600]atomic.Int32) error {
	ids := make([]string, len(people))
	for i, n := range people {
		ids[i] = idOf(n)
	}
	_, seen, err := s.GetMany(t.Context(), ids, time.Time{})
	if err != nil {
		return err
	}
	one := func(n int) error {
		for {
			claim, err := s.Claim(t.Context(), idOf(n), job)
			if err != nil {
				return err
			}
			a, err := s.Get(t.Context(), idOf(n), time.Time{}, seen)
			switch {
			case err != nil:
				return err
			case !a.IsZero() && claim != nil:
				return claim.Release(t.Context())
			case !a.IsZero():
				return nil
			case claim != nil:
				asked[n].Add(1)
				time.Sleep(rand.N(3 * time.Millisecond))
				return s.Put(t.Context(), idOf(n), verdictOf(n))
			}
			time.Sleep(time.Millisecond)
		}
	}
	next := make(chan int)
	errs := make(chan error, 20)
	for range cap(errs) {
		go func() {
			var err error
			for n := range next {
				err = errors.Join(err, one(n))
			}
			errs <- err
		}()
	}
	for _, n := range people {
		next <- n
	}
	close(next)
	for range cap(errs) {
		err = errors.Join(err, <-errs)
	}
	return err
}
