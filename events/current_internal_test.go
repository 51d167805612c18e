package events

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A replica that lags is asked again until it has what the leader has.
func TestAJobIsCurrentOnceTheReplicaHasAllOfIt(t *testing.T) {
	reads := 0
	job, err := loadCurrent(t.Context(), func() (int, error) { return 2, nil }, func() (Job, int, error) {
		switch reads++; reads {
		case 1:
			return Job{}, 0, ErrNotFound
		case 2:
			return Job{ID: "one"}, 1, nil
		}
		return Job{ID: "two"}, 2, nil
	})
	if err != nil || job.ID != "two" || reads != 3 {
		t.Errorf("%+v, %v after %d reads", job, err, reads)
	}
}

// Of a replica that is cut off nobody hears an old state.
func TestAJobIsNotReadFromAServerThatIsCutOff(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	old := func() (Job, int, error) { return Job{ID: "one"}, 1, nil }
	_, err := loadCurrent(ctx, func() (int, error) { return 2, nil }, old)
	if !errors.Is(err, ErrBehind) {
		t.Error(err)
	}
	away := errors.New("no leader")
	_, err = loadCurrent(ctx, func() (int, error) { return 0, away }, old)
	if !errors.Is(err, away) {
		t.Error(err)
	}
}
