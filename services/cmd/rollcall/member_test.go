package main

import (
	"strings"
	"testing"
	"time"
)

// A member's story has each job that named them, with what changed, as of any time.
func TestAMembersStoryIsThatOfAllJobs(t *testing.T) {
	p := startUp(t, t.TempDir())
	admin := token(t, "carol", "national_admin")
	story := func(who string, args ...string) string {
		t.Helper()
		return mustRun(t, append([]string{"member", "8001015009087", "--server", p.url(), "--token", who}, args...)...)
	}
	upload := func(name string) string {
		t.Helper()
		id := uploadCSV(t, p.url(), admin, "ID Number,Name,Ward\n8001015009087,"+name+",79800001\n")
		mustRun(t, "watch", id, "--server", p.url(), "--token", admin)
		return id
	}
	first := upload("Nomsa")
	between := time.Now().UTC().Format(time.RFC3339Nano)
	second := upload("Thandi")
	told := story(admin)
	for _, want := range []string{"800101*****87 is named in 2 rows", first, second, "uploaded by carol", `"Nomsa"`,
		"IEC  ", "firstname: Nomsa -> Thandi"} {
		if !strings.Contains(told, want) {
			t.Errorf("the story lacks %q:\n%s", want, told)
		}
	}
	if strings.Index(told, second) > strings.Index(told, first) {
		t.Error("the oldest job comes first")
	}
	if before := story(admin, "--as-of", between); !strings.Contains(before, first) || strings.Contains(before, second) {
		t.Errorf("as of the time between:\n%s", before)
	}
	stranger := areaToken(t, "bob", "ward_admin", "79800001")
	if other := story(stranger); !strings.Contains(other, "named in 0 rows") || strings.Contains(other, "Nomsa") {
		t.Errorf("for somebody who may not read the jobs:\n%s", other)
	}
}
