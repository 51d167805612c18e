package upload

import (
	"context"
	"slices"
	"sync"
)

// turns shares places among users. A user holds no more than half of them, and those who
// wait get the free ones by turns, however many files each of them has sent.
type turns struct {
	places int // that nobody has to wait for
	most   int // of a user

	mu      sync.Mutex
	holding map[string]int
	held    int
	waiting []*waiters // the user whose turn it is first
}

// waiters are the files of a user that wait, the first one first.
type waiters struct {
	user  string
	queue []chan struct{} // closed when the file has a place
}

func newTurns(places int) *turns {
	return &turns{places: places, most: max(places/2, 1), holding: map[string]int{}}
}

// take waits for a place until ctx ends; release gives it back.
func (t *turns) take(ctx context.Context, user string) (release func(), err error) {
	turn := t.wait(user)
	select {
	case <-turn:
	case <-ctx.Done():
		if t.leave(user, turn) {
			return nil, ctx.Err()
		}
		// It came at the same moment.
	}
	return func() { t.release(user) }, nil
}

// wait puts a file at the end of its user's queue.
func (t *turns) wait(user string) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	turn := make(chan struct{})
	i := slices.IndexFunc(t.waiting, func(w *waiters) bool { return w.user == user })
	if i < 0 {
		i = len(t.waiting)
		t.waiting = append(t.waiting, &waiters{user: user})
	}
	t.waiting[i].queue = append(t.waiting[i].queue, turn)
	t.call()
	return turn
}

// leave takes a file out of its user's queue; false means that it has a place by now.
func (t *turns) leave(user string, turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, w := range t.waiting {
		if at := slices.Index(w.queue, turn); w.user == user && at >= 0 {
			if w.queue = slices.Delete(w.queue, at, at+1); len(w.queue) == 0 {
				t.waiting = slices.Delete(t.waiting, i, i+1)
			}
			return true
		}
	}
	return false
}

func (t *turns) release(user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held--
	if t.holding[user]--; t.holding[user] == 0 {
		delete(t.holding, user)
	}
	t.call()
}

// call gives free places to those whose turn it is. Who got one goes to the end.
func (t *turns) call() {
	for t.held < t.places {
		i := slices.IndexFunc(t.waiting, func(w *waiters) bool { return t.holding[w.user] < t.most })
		if i < 0 {
			return
		}
		w := t.waiting[i]
		close(w.queue[0])
		t.held++
		t.holding[w.user]++
		t.waiting = slices.Delete(t.waiting, i, i+1)
		if w.queue = w.queue[1:]; len(w.queue) > 0 {
			t.waiting = append(t.waiting, w)
		}
	}
}
