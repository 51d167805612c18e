package refusal_test

import (
	"testing"
	"time"

	"rollcall.example/events/refusal"
)

func TestCloseReasonTellsTheWait(t *testing.T) {
	for reason, want := range map[string]struct {
		wait time.Duration
		ok   bool
	}{
		refusal.CloseReason("service restart", 7340*time.Millisecond): {7340 * time.Millisecond, true},
		refusal.CloseReason("service restart", 0):                     {0, true},
		"service restart; retry_ms=12":                                {12 * time.Millisecond, true},
		"service restart; retry_ms=2000000000":                        {time.Minute, true},
		"service restart; retry_ms=99999999999999999999":              {0, false},
		"service restart; retry_ms=-1":                                {0, false},
		"service restart; retry_ms=":                                  {0, false},
		"service restart":                                             {0, false},
		"":                                                            {0, false},
	} {
		if wait, ok := refusal.CloseWait(reason); wait != want.wait || ok != want.ok {
			t.Errorf("%q: %s, %t, want %s, %t", reason, wait, ok, want.wait, want.ok)
		}
	}
}
