package events

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A replica that lags is asked again until it has what the leader has.
func TestAJobIsCurrentOnceTheReplicaHasAllOfIt(t *testing.T) {
	reads := 0
	two := func() (Held, error) { return Held{Messages: 2}, nil }
	job, err := loadCurrent(t.Context(), two, func() (Job, Held, error) {
		switch reads++; reads {
		case 1:
			return Job{}, Held{}, ErrNotFound
		case 2:
			return Job{ID: "one"}, Held{Messages: 1}, nil
		}
		return Job{ID: "two"}, Held{Messages: 2}, nil
	})
	if err != nil || job.ID != "two" || reads != 3 {
		t.Errorf("%+v, %v after %d reads", job, err, reads)
	}
}

// Of a replica that is cut off nobody hears an old state.
func TestAJobIsNotReadFromAServerThatIsCutOff(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	old := func() (Job, Held, error) { return Job{ID: "one"}, Held{Messages: 1}, nil }
	_, err := loadCurrent(ctx, func() (Held, error) { return Held{Messages: 2}, nil }, old)
	if !errors.Is(err, ErrBehind) {
		t.Error(err)
	}
	away := errors.New("no leader")
	_, err = loadCurrent(ctx, func() (Held, error) { return Held{}, away }, old)
	if !errors.Is(err, away) {
		t.Error(err)
	}
}

// A server that the others do not hear any more takes itself for the leader for a while. It
// does not say how much there is.
func TestALeaderThatIsCutOffIsNotBelieved(t *testing.T) {
	heard := func(ago ...time.Duration) *jetstream.ClusterInfo {
		c := &jetstream.ClusterInfo{}
		for _, d := range ago {
			c.Replicas = append(c.Replicas, &jetstream.PeerInfo{Active: d, Current: d > 0})
		}
		return c
	}
	for name, c := range map[string]struct {
		cluster *jetstream.ClusterInfo
		want    bool
	}{
		"one server":                    {nil, true},
		"a stream of one server":        {heard(), true},
		"both others":                   {heard(time.Millisecond, time.Second), true},
		"one other of two":              {heard(time.Second, time.Minute), true},
		"one other, nothing of the 2nd": {heard(time.Second, 0), true},
		"nobody for some seconds":       {heard(4*time.Second, 5*time.Second), false},
		"nobody ever":                   {heard(0, 0), false},
		"one of four":                   {heard(time.Second, time.Minute, time.Minute, time.Minute), false},
		"two of four":                   {heard(time.Second, time.Second, time.Minute, time.Minute), true},
	} {
		if got := leads(c.cluster); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}

	tries := 0
	count := func() (Held, error) {
		if tries++; tries < 3 {
			return Held{Messages: 1}, fmt.Errorf("count: %w", ErrBehind)
		}
		return Held{Messages: 2}, nil
	}
	job, err := loadCurrent(t.Context(), count, func() (Job, Held, error) {
		return Job{Seq: uint64(tries)}, Held{Messages: tries}, nil
	})
	if err != nil || job.Seq != 3 {
		t.Errorf("%+v, %v", job, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	behind := func() (Held, error) { return Held{Messages: 1}, ErrBehind }
	all := func() (Job, Held, error) { return Job{}, Held{Messages: 9}, nil }
	if _, err = loadCurrent(ctx, behind, all); !errors.Is(err, ErrBehind) {
		t.Errorf("believed: %v", err)
	}
}
