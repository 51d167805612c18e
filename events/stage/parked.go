package stage

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"rollcall.example/events"
)

// A job that pauses in a stage that parks is acknowledged: it holds no place of the
// consumer, however many wait. Its schedule is the log. Each process reads which jobs are
// paused from the facts, and appends the fact resumed when the time of one has come; the
// guard of the append lets only one process do so. That fact brings the job back.

// Parked is a job that waits and holds no message meanwhile.
type Parked struct {
	JobID, Owner string
	// Reason, PausedAt and ResumesAt are those of the pause, Left how many rows have no
	// verdict yet, Total all of them.
	Reason              string
	PausedAt, ResumesAt time.Time
	Left, Total         int
	// Arrived orders jobs by their upload.
	Arrived uint64

	paused uint64 // the sequence of the fact
}

// Waits reports whether the time of the job has not come yet.
func (p Parked) Waits(now time.Time) bool {
	return now.Before(p.ResumesAt) && !events.WasSetBack(now, p.PausedAt)
}

const (
	// parkedEvery is how often a process looks for jobs that others have parked, and
	// how long a job may wait when its time has come and others go first.
	parkedEvery = 500 * time.Millisecond
	// leastLook bounds how often a process looks when times come close together.
	leastLook = 20 * time.Millisecond
	// turnTime is how long a job that was woken in its turn has for pausing again, before
	// the next one is woken, and longestTurn how long while nothing has come of it yet.
	turnTime    = 100 * time.Millisecond
	longestTurn = 5 * time.Second
)

// parkedJobs are the parked jobs that a process knows, by id.
type parkedJobs struct {
	r *Runner

	// Of the goroutine that wakes: the jobs, what was read, the last turn of a job of a
	// reason, when one of an owner was last woken, and whether more could be.
	jobs   map[string]Parked
	from   uint64
	woken  map[string]turn
	more   bool // jobs may go on for which there was no free place
	served map[string]time.Time

	once   sync.Once
	signal chan struct{}
}

// turn is that of a job that was woken.
type turn struct {
	jobID string
	at    time.Time
}

func (p *parkedJobs) ring() chan struct{} {
	p.once.Do(func() { p.signal = make(chan struct{}, 1) })
	return p.signal
}

// look makes the process look at once.
func (p *parkedJobs) look() {
	select {
	case p.ring() <- struct{}{}:
	default: // it is about to look
	}
}

// run wakes parked jobs until ctx ends.
func (p *parkedJobs) run(ctx context.Context) {
	p.jobs = map[string]Parked{}
	p.woken, p.served = map[string]turn{}, map[string]time.Time{}
	clock := events.NewClock(events.StreamTime(p.r.Log.JetStream(), events.StreamFacts), p.r.Now)
	for wait := leastLook; ; {
		select {
		case <-ctx.Done():
			return
		case <-p.ring():
		case <-time.After(wait):
		}
		err := errors.Join(clock.Sync(ctx), p.read(ctx))
		if err != nil && ctx.Err() == nil {
			p.r.logger().WarnContext(ctx, "parked jobs not read, trying again", "err", err)
			wait = parkedEvery
			continue
		}
		now := clock.Now()
		for _, job := range p.choose(ctx, now) {
			p.served[job.Owner] = now
			if err := p.wake(ctx, job); err != nil && ctx.Err() == nil {
				p.r.logger().WarnContext(ctx, "parked job not woken, trying again", "job", job.JobID, "err", err)
			}
		}
		wait = parkedEvery
		if p.more {
			wait = turnTime
		}
		for _, job := range p.jobs {
			switch left := job.ResumesAt.Sub(now); {
			case left > 0:
				wait = min(wait, max(left, leastLook))
			case p.r.Wake == nil:
				wait = min(wait, turnTime)
			}
		}
	}
}

// choose returns the jobs that go on now: at most as many as this process has free
// places.
func (p *parkedJobs) choose(ctx context.Context, now time.Time) []Parked {
	p.more = false
	if len(p.jobs) == 0 {
		return nil
	}
	jobs := p.inOrder()
	if p.r.Wake != nil {
		jobs = p.r.Wake(ctx, now, jobs)
	} else {
		jobs = p.chooseInTurn(ctx, now, jobs)
	}
	idle := p.r.lanes.idle()
	p.more = idle > 0 && len(jobs) > idle
	return jobs[:min(len(jobs), idle)]
}

// chooseInTurn returns the first job of each reason. The others wait: if the first one
// pauses again for the same reason they have nothing to gain before its new time.
func (p *parkedJobs) chooseInTurn(ctx context.Context, now time.Time, jobs []Parked) (chosen []Parked) {
	newest, first := map[string]Parked{}, map[string]Parked{}
	for _, job := range jobs {
		if n, ok := newest[job.Reason]; !ok || job.PausedAt.After(n.PausedAt) {
			newest[job.Reason] = job
		}
		if _, ok := first[job.Reason]; !ok && !job.Waits(now) {
			first[job.Reason] = job
		}
	}
	for reason, job := range first {
		if !newest[reason].Waits(now) && p.isOver(ctx, p.woken[reason]) {
			p.woken[reason] = turn{jobID: job.JobID, at: time.Now()}
			chosen = append(chosen, job)
		}
	}
	return chosen
}

// isOver reports whether a job that was woken has had its turn: it has paused again, or
// something has come of it, or it takes too long.
func (p *parkedJobs) isOver(ctx context.Context, t turn) bool {
	if had := time.Since(t.at); had <= turnTime || had > longestTurn {
		return had > longestTurn
	}
	job, err := p.r.Log.Load(ctx, t.jobID)
	if err == nil && job.Paused != nil {
		_, known := p.jobs[t.jobID] // else its new pause is read first
		return known
	}
	return err != nil || job.Kind != events.KindResumed
}

// inOrder returns the jobs in the order in which their turn comes. Those of one owner go
// on as they were uploaded. Among the owners goes first who had the last turn longest ago.
func (p *parkedJobs) inOrder() []Parked {
	byOwner := map[string][]Parked{}
	for _, job := range p.jobs {
		byOwner[job.Owner] = append(byOwner[job.Owner], job)
	}
	for owner := range p.served {
		if byOwner[owner] == nil {
			delete(p.served, owner)
		}
	}
	lastTurn := func(list []Parked) time.Time {
		if at, ok := p.served[list[0].Owner]; ok {
			return at
		}
		return list[0].PausedAt
	}
	owners := make([][]Parked, 0, len(byOwner))
	for _, list := range byOwner {
		slices.SortFunc(list, func(a, b Parked) int { return cmp.Compare(a.Arrived, b.Arrived) })
		owners = append(owners, list)
	}
	slices.SortFunc(owners, func(a, b []Parked) int { return lastTurn(a).Compare(lastTurn(b)) })
	ordered := make([]Parked, 0, len(p.jobs))
	for i := 0; len(ordered) < len(p.jobs); i++ {
		for _, list := range owners {
			if i < len(list) {
				ordered = append(ordered, list[i])
			}
		}
	}
	return ordered
}

// wake appends the fact that brings a parked job back.
func (p *parkedJobs) wake(ctx context.Context, parked Parked) error {
	job, err := p.r.Log.Load(ctx, parked.JobID)
	if errors.Is(err, events.ErrNotFound) || err == nil && (job.Paused == nil || job.Seq != parked.paused) {
		delete(p.jobs, parked.JobID) // it goes on, or has ended
		return nil
	}
	if err != nil {
		return err
	}
	_, err = p.r.Log.Append(ctx, &job, job.Seq, &events.Resumed{
		Stage: p.r.Stage, Processed: job.Paused.Processed, Total: job.Paused.Total, Wakes: true,
	})
	p.r.noteStorage(err)
	if err == nil || errors.Is(err, events.ErrConflict) || errors.Is(err, events.ErrNotAllowed) {
		delete(p.jobs, parked.JobID)
		return nil
	}
	return err
}
