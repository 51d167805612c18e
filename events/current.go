package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrBehind means that the server that answers reads has not all of a job yet. It lags, or
// the network between it and the others is split.
var ErrBehind = errors.New("the server is behind the others")

const (
	// behindTime is how long LoadCurrent waits for a server that is behind.
	behindTime = 5 * time.Second
	behindWait = 20 * time.Millisecond
	// heardWithin is less than servers wait before they elect another leader (4 s), and more
	// than they wait between two words to each other (1 s).
	heardWithin = 3 * time.Second
)

// LoadCurrent is Load for whoever must not be told of a state that is over: that a job does
// not exist, or that it has no report yet. Load reads from any replica of the stream. One that
// lags has less than there is, and one that is cut off does not know it. LoadCurrent asks the
// stream's leader how many messages there are, and waits until it has read as many, and the
// archive if there is one. That costs the leader two requests. A leader that the others do
// not hear any more takes itself for the leader for up to twenty seconds, so it has to have
// heard from most of them just now.
//
// The errors are those of Load, and ErrBehind.
func (l *Log) LoadCurrent(ctx context.Context, jobID string) (Job, error) {
	if !ValidJobID(jobID) {
		return Job{}, ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, behindTime)
	defer cancel()
	return loadCurrent(ctx,
		func() (Held, error) { return l.Count(ctx, jobID) },
		func() (Job, Held, error) { return l.load(ctx, jobID) })
}

func loadCurrent(ctx context.Context, count func() (Held, error), load func() (Job, Held, error)) (Job, error) {
	for {
		want, err := count() // each time anew: a job may be archived meanwhile, and have fewer
		for ; errors.Is(err, ErrBehind) && ctx.Err() == nil; want, err = count() {
			select {
			case <-ctx.Done():
			case <-time.After(behindWait):
			}
		}
		if err != nil {
			return Job{}, err
		}
		job, has, err := load()
		if err != nil && !errors.Is(err, ErrNotFound) || has.Messages >= want.Messages && has.Archives >= want.Archives {
			return job, err
		}
		select {
		case <-ctx.Done():
			return Job{}, fmt.Errorf("load job: %w: it has %d of %d events", ErrBehind, has.Messages, want.Messages)
		case <-time.After(behindWait):
		}
	}
}

// Held counts the messages of a job, and the archives among them.
type Held struct{ Messages, Archives int }

func (h *Held) add(subject string, n int) {
	h.Messages += n
	if _, kind, err := ParseSubject(subject); err == nil && kind == KindArchived {
		h.Archives += n
	}
}

// Count returns how many messages of a job the stream has. The stream's leader answers, so
// the numbers are not those of a replica that lags. The error is ErrBehind for one that was
// the leader, as far as it can tell.
func (l *Log) Count(ctx context.Context, jobID string) (held Held, err error) {
	s, err := l.js.Stream(ctx, StreamFacts)
	if err != nil {
		return held, fmt.Errorf("count the events of a job: %w", err)
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(JobFilter(jobID)))
	if err != nil {
		return held, fmt.Errorf("count the events of a job: %w", err)
	}
	if !leads(info.Cluster) {
		return held, fmt.Errorf("count the events of a job: %w: it is cut off from the others", ErrBehind)
	}
	for subject, n := range info.State.Subjects {
		held.add(subject, int(n))
	}
	return held, nil
}

// leads reports whether a server that says that it is the leader has just heard from so many
// others that they have no other leader. A single server has no others.
func leads(c *jetstream.ClusterInfo) bool {
	if c == nil {
		return true
	}
	heard := 1 // itself
	for _, other := range c.Replicas {
		if (other.Active > 0 || other.Current) && other.Active <= heardWithin {
			heard++
		}
	}
	return heard > (len(c.Replicas)+1)/2
}
