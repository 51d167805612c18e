package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// The followers are this program again.
func TestMain(m *testing.M) {
	ran, err := runFollowers(context.Background())
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	case !ran:
		os.Exit(m.Run())
	}
}

func TestSystemLosesNothing(t *testing.T) {
	var out strings.Builder
	load := systemLoad{users: 2, rows: 300, rounds: 2, followers: 21, every: 100 * time.Millisecond, small: 2}
	if err := measureSystem(t.Context(), load, &out); err != nil {
		t.Fatal(err)
	}
	t.Log(out.String())
	for _, part := range []string{"21 followers", "A job of 300 rows alone", "| round 2", "| peak memory of persistence",
		"| peak memory of postgresql"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%q is missing in\n%s", part, &out)
		}
	}
}

// All stages share two processors here, and four jobs can be in a stage at once.
func TestBoundsOfAnInstallation(t *testing.T) {
	r := systemRun{systemLoad: systemLoad{rows: 1000}, aloneCPU: 2 * time.Second, alone: []stageTime{
		{"initialization", time.Minute}, {"pre_validation", time.Second}, {"database_operations", 4 * time.Second},
		{"report generation", 2 * time.Second}}}
	slowest, stages, processors := r.bounds(2)
	if slowest.stage != "database_operations" || stages != 500 || processors != 1000 {
		t.Errorf("%s %v, processors %v", slowest.stage, stages, processors)
	}
	if _, stages, processors := r.bounds(64); stages != 1000 || processors != 32_000 {
		t.Errorf("%v, %v with processors to spare", stages, processors)
	}
	round := systemRound{took: 10 * time.Second, used: map[string]time.Duration{clients: 4 * time.Second,
		"gateway": 6 * time.Second, "iec": time.Second}}
	if left := round.leftBy(2); left != 0.5 {
		t.Errorf("who follows leaves %v", left)
	}
}
