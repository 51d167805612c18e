package stage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
)

// Process is what the runners of one process know of each other. A job that may
// have killed a process before runs alone, so that it takes no other job with
// it.
type Process struct {
	// name begins the names of all attempts of this process.
	name string

	mu       sync.Mutex
	attempts map[string]struct{} // that run now, by name
	jobs     int                 // that run now
	alone    bool                // the one that runs does so alone
	waiting  int                 // jobs that wait to run alone
	left     chan struct{}       // closed when a job ends, then made anew
	small    int                 // small jobs that compute, see giveWay
	calm     chan struct{}       // closed when none does any more
}

// NewProcess returns what all runners of a process share.
func NewProcess() *Process {
	return &Process{name: uuid.NewString(), attempts: map[string]struct{}{}, left: make(chan struct{})}
}

// admit is enterAlone where alone is set; else enter, with errOthersAlone where ok
// is false.
func (p *Process) admit(ctx context.Context, alone bool) (leave func(), err error) {
	if alone {
		return p.enterAlone(ctx)
	}
	leave, ok := p.enter()
	if !ok {
		return nil, errOthersAlone
	}
	return leave, nil
}

// enter takes in a job. Ok is false while another one runs alone or waits to;
// other processes may take the job meanwhile. The caller calls leave when the
// job is done.
func (p *Process) enter() (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alone || p.waiting > 0 {
		return nil, false
	}
	p.jobs++
	return p.leave, true
}

// enterAlone waits until no job runs, and takes in one that runs alone. The
// caller calls leave when the job is done.
func (p *Process) enterAlone(ctx context.Context) (leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting++
	defer func() { p.waiting-- }()
	for p.jobs > 0 {
		left := p.left
		p.mu.Unlock()
		select {
		case <-left:
		case <-ctx.Done():
		}
		p.mu.Lock()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("wait to run alone: %w", context.Cause(ctx))
		}
	}
	p.jobs, p.alone = 1, true
	return p.leave, nil
}

func (p *Process) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jobs--
	p.alone = false
	close(p.left)
	p.left = make(chan struct{})
}

// beginAttempt returns the name of an attempt that runs in this process from
// now on.
func (p *Process) beginAttempt() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := p.name + "." + uuid.NewString()
	p.attempts[name] = struct{}{}
	return name
}

// endAttempt says that an attempt no longer runs.
func (p *Process) endAttempt(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.attempts, name)
}

// withoutEnded returns the attempts that may have died. One of this process that
// no longer runs did not: its end could not be stored, or not yet.
func (p *Process) withoutEnded(attempts []string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(attempts), func(name string) bool {
		_, runs := p.attempts[name]
		return strings.HasPrefix(name, p.name+".") && !runs
	})
}
