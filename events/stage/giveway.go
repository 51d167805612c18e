package stage

import "time"

// A big job and a small one in one process share its processors, and many rows are worked on
// side by side: the small one got a fifth of them. So big jobs of stages that do nothing but
// compute wait for small ones, where they report their progress.

const (
	// giveWayShare says which part of its time a big job gives way: one in so many at most.
	giveWayShare = 4
	// longestGiveWay is how long it does so at once.
	longestGiveWay = 500 * time.Millisecond
)

// beginSmall notes that a small job computes in the process, until the caller calls end.
func (p *Process) beginSmall() (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.small++; p.small == 1 {
		p.calm = make(chan struct{})
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.small--; p.small == 0 {
			close(p.calm)
		}
	}
}

// awaitCalm returns what is closed once no small job computes, nil when none does.
func (p *Process) awaitCalm() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.small == 0 {
		return nil
	}
	return p.calm
}

// giveWay lets the small jobs of the process go first.
func (w *Work) giveWay() {
	if !w.runner.GiveWay || w.small {
		return
	}
	calm := w.runner.process.awaitCalm()
	if calm == nil {
		return
	}
	w.mu.Lock()
	wait := min(longestGiveWay, time.Since(w.began)/giveWayShare-w.gaveWay)
	w.mu.Unlock()
	if wait <= 0 {
		return
	}
	from := time.Now()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-calm:
	case <-timer.C:
	case <-w.ctx.Done():
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gaveWay += time.Since(from)
}
