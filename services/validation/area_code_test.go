package validation

import "testing"

func TestParseAreaCode(t *testing.T) {
	for text, want := range map[string]string{
		"79800001": "79800001", "79800001.0": "79800001", " 7980 0001 ": "79800001", "00000001": "00000001",
		"79800001.": "79800001",
	} {
		if got, ok := ParseAreaCode(text); !ok || got != want {
			t.Errorf("ParseAreaCode(%q) = %q, %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "7980001", "798000012", "79800001.5", "Ward 1", "7980000a", "-7980001"} {
		if got, ok := ParseAreaCode(text); ok {
			t.Errorf("ParseAreaCode(%q) = %q, want none", text, got)
		}
	}
}
