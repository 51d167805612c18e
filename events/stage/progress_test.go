package stage

import (
	"testing"
	"time"
)

// A stage stands still while a report of its progress is being stored.
func TestReportsOfProgressComeLessOftenWhereTheDiskIsBusy(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0:                      250 * time.Millisecond,
		5 * time.Millisecond:   250 * time.Millisecond,
		50 * time.Millisecond:  time.Second,
		100 * time.Millisecond: 2 * time.Second,
		time.Minute:            5 * time.Second,
	} {
		if got := progressWait(took); got != want {
			t.Errorf("after %s: %s, want %s", took, got, want)
		}
	}
}
