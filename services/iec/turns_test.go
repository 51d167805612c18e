package iec

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"rollcall.example/events/eventstest"
)

// queueAcquires starts n acquires of a job, each of which sends the job's name on
// the channel. It returns when all of them wait.
func queueAcquires(t interface{ Fatal(...any) }, l *jobQueue, n int, dealt chan<- string) {
	for range n {
		go func() {
			if err := l.acquire(context.Background()); err == nil {
				dealt <- l.job
			}
		}()
	}
	for countWaiting(l) != n {
		runtime.Gosched()
	}
}

// countWaiting returns how many acquires of a job wait.
func countWaiting(l *jobQueue) int {
	l.turns.mu.Lock()
	defer l.turns.mu.Unlock()
	return len(l.waiting)
}

func TestTurnsFollowTheWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roles := rapid.SliceOfN(rapid.SampledFrom([]string{"super_admin", "national_admin", "province_admin",
			"municipality_admin", "member", "odd"}), 1, 5).Draw(t, "roles")
		const each = 120
		turns := newTurns(1)
		first := turns.join("first", "member")
		if err := first.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		first.leave()
		dealt := make(chan string, each*len(roles))
		weight := map[string]float64{}
		sum := 0.0
		for i, role := range roles {
			l := turns.join(string(rune('a'+i)), role)
			queueAcquires(t, l, each, dealt)
			weight[l.job] = l.weight
			sum += l.weight
		}
		got := map[string]int{}
		// While all of them wait, each has its share, give or take one call.
		rounds := int(each / 5 * sum)
		for n := 1; n <= each*len(roles); n++ {
			turns.release()
			got[<-dealt]++
			if n > rounds {
				continue
			}
			for job, w := range weight {
				if want := float64(n) * w / sum; float64(got[job]) < want-w-1 || float64(got[job]) > want+w+1 {
					t.Fatalf("after %d turns %s has %d, its share is %.1f", n, job, got[job], want)
				}
			}
		}
		for job := range weight {
			if got[job] != each {
				t.Fatalf("%s got %d of %d", job, got[job], each)
			}
		}
	})
}

func TestANewJobIsServedAtOnceButNotForThePast(t *testing.T) {
	turns := newTurns(1)
	big := turns.join("big", "member")
	dealt := make(chan string, 2000)
	if err := big.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	queueAcquires(t, big, 1000, dealt)
	for range 500 {
		turns.release()
		<-dealt
	}
	small := turns.join("small", "member")
	queueAcquires(t, small, 50, dealt)
	got := map[string]int{}
	for range 100 {
		turns.release()
		got[<-dealt]++
	}
	if got["small"] != 50 || got["big"] != 50 {
		t.Errorf("dealt %v", got)
	}
	for range 450 {
		turns.release()
		<-dealt
	}
}

func TestACancelledAcquireHoldsNoTurn(t *testing.T) {
	turns := newTurns(1)
	l := turns.join("job", "member")
	if err := l.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("cancelled")
	done := make(chan error)
	go func() { done <- l.acquire(ctx) }()
	eventstest.Wait(t, "the acquire to wait", func() bool { return countWaiting(l) == 1 })
	cancel(gone)
	if err := <-done; !errors.Is(err, gone) {
		t.Errorf("the cancelled acquire: %v", err)
	}
	if err := l.acquire(ctx); !errors.Is(err, gone) {
		t.Errorf("an acquire after the cancellation: %v", err)
	}
	turns.release()
	if err := l.acquire(t.Context()); err != nil || turns.free != 0 {
		t.Errorf("the next: %v, %d free", err, turns.free)
	}
	turns.release()
	l.leave()
	if turns.free != 1 || len(turns.queues) != 0 {
		t.Errorf("%d turns are free, %d queues are left", turns.free, len(turns.queues))
	}
}
