package report

import (
	"strings"
	"testing"
)

func TestWhyARowIsUnverifiedIsSaidInWords(t *testing.T) {
	for reason, want := range map[string]string{
		reasonSkipped: "switched off", reasonNoAnswer: "No valid answer", "": "gave no answer", "http_403": "(http_403)",
	} {
		if got := describeUnverified(reason); !strings.Contains(got, want) {
			t.Errorf("%q: %q lacks %q", reason, got, want)
		}
	}
}
