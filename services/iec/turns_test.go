package iec

import (
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// queue lines up n takes of a job, each answered on the channel with its name.
// It returns when all of them wait.
func queue(t interface{ Fatal(...any) }, l *line, n int, dealt chan<- string) {
	for range n {
		go func() {
			if err := l.take(context.Background()); err == nil {
				dealt <- l.job
			}
		}()
	}
	for {
		l.turns.mu.Lock()
		waiting := len(l.waiting)
		l.turns.mu.Unlock()
		if waiting == n {
			return
		}
	}
}

func TestTurnsAreDealtByWeight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roles := rapid.SliceOfN(rapid.SampledFrom([]string{"super_admin", "national_admin", "province_admin", "municipality_admin", "member", "odd"}), 1, 5).Draw(t, "roles")
		const each = 120
		turns := newTurns(1)
		first := turns.join("first", "member")
		if err := first.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		first.leave()
		dealt := make(chan string, each*len(roles))
		weight := map[string]float64{}
		sum := 0.0
		for i, role := range roles {
			l := turns.join(string(rune('a'+i)), role)
			queue(t, l, each, dealt)
			weight[l.job] = l.weight
			sum += l.weight
		}
		got := map[string]int{}
		// As long as all of them wait, each has its share, give or take one.
		rounds := int(each / 5 * sum)
		for n := 1; n <= each*len(roles); n++ {
			turns.give()
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

func TestALatecomerIsServedAtOnceAndNotPaidForThePast(t *testing.T) {
	turns := newTurns(1)
	big := turns.join("big", "member")
	dealt := make(chan string, 2000)
	if err := big.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	queue(t, big, 1000, dealt)
	for range 500 {
		turns.give()
		<-dealt
	}
	small := turns.join("small", "member")
	queue(t, small, 50, dealt)
	got := map[string]int{}
	for range 100 {
		turns.give()
		got[<-dealt]++
	}
	if got["small"] != 50 || got["big"] != 50 {
		t.Errorf("dealt %v", got)
	}
	for range 450 {
		turns.give()
		<-dealt
	}
}

func TestWhoGivesUpHoldsNothing(t *testing.T) {
	turns := newTurns(1)
	l := turns.join("job", "member")
	if err := l.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("cancelled")
	done := make(chan error)
	go func() { done <- l.take(ctx) }()
	for {
		turns.mu.Lock()
		waiting := len(l.waiting)
		turns.mu.Unlock()
		if waiting == 1 {
			break
		}
	}
	cancel(gone)
	if err := <-done; !errors.Is(err, gone) {
		t.Errorf("who gave up: %v", err)
	}
	if err := l.take(ctx); !errors.Is(err, gone) {
		t.Errorf("who came too late: %v", err)
	}
	turns.give()
	if err := l.take(t.Context()); err != nil || turns.free != 0 {
		t.Errorf("the next: %v, %d free", err, turns.free)
	}
	turns.give()
	l.leave()
	if turns.free != 1 || len(turns.lines) != 0 {
		t.Errorf("%d free, %d lines", turns.free, len(turns.lines))
	}
}
