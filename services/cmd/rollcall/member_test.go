package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// uploadPerson uploads a roll of one person and waits for its job.
func uploadPerson(t *testing.T, p *program, who, name string) (jobID string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "roll.csv")
	if err := os.WriteFile(file, []byte("ID Number,Name,Ward\n8001015009087,"+name+",79800001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said := mustRun(t, "upload", file, "--server", p.url(), "--token", who)
	if jobID = jobIDs.FindString(said); jobID == "" {
		t.Fatalf("upload said %s", said)
	}
	mustRun(t, "watch", jobID, "--server", p.url(), "--token", who)
	return jobID
}

// A member's story has each job that named them, with what changed, as of any time.
func TestAMembersStoryIsThatOfAllJobs(t *testing.T) {
	p := startUp(t, t.TempDir())
	admin := token(t, "carol", "national_admin")
	story := func(who string, args ...string) string {
		t.Helper()
		return mustRun(t, append([]string{"member", "8001015009087", "--server", p.url(), "--token", who}, args...)...)
	}
	first := uploadPerson(t, p, admin, "Nomsa")
	between := time.Now().UTC().Format(time.RFC3339Nano)
	second := uploadPerson(t, p, admin, "Thandi")
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

// The page has the story of a person whose number is typed, and keeps the number nowhere.
func TestConsoleTellsAMembersStory(t *testing.T) {
	p := startUp(t, t.TempDir())
	admin := token(t, "carol", "national_admin")
	first := uploadPerson(t, p, admin, "Nomsa")
	second := uploadPerson(t, p, admin, "Thandi")

	inEachBrowser(t, func(t *testing.T, open func(t *testing.T, url string) *page) {
		open(t, p.url()).readStory(admin, first, second)
	})
}

// readStory looks at the page of the story of a person whom two jobs have named.
func (b *page) readStory(admin, first, second string) {
	t := b.t
	b.open("/#token=" + admin)
	b.waitForText("Signed in as carol")
	b.click("A member")
	b.waitFor(`document.querySelector("#story-id")`)
	b.enter("#story-id", "80010150090")
	b.must(b.press("Enter"))
	b.waitForText("Please enter an ID number of 13 digits.")
	b.enter("#story-id", "87")
	b.must(b.press("Enter"))
	b.waitFor(`document.querySelectorAll(".chapter").length === 2`)
	story := b.text("#content")
	for _, want := range []string{"800101*****87 is named in 2 rows", "by carol, ", "nobody had to", "Nomsa", "Thandi",
		"First Name"} {
		if !strings.Contains(story, want) {
			t.Errorf("the story lacks %q:\n%s", want, story)
		}
	}
	for i, id := range []string{second, first} {
		if !b.isTrue(fmt.Sprintf(`document.querySelectorAll(".chapter a")[%d].hash === "#/jobs/%s"`, i, id)) {
			t.Errorf("chapter %d is not that of job %s", i, id)
		}
	}
	if !b.isTrue(`[...document.querySelectorAll(".chapter section")].filter((e) =>
		/^The IEC's answer/.test(e.innerText) && /\b20\d\d, \d\d:\d\d/.test(e.innerText)).length === 2`) {
		t.Errorf("the story does not say when the IEC has answered:\n%s", story)
	}
	if b.isTrue(`[location.href, document.title, JSON.stringify(history.state), JSON.stringify({...localStorage}),
		JSON.stringify({...sessionStorage}), document.querySelector("h1").textContent].some((e) => /5009087/.test(e))`) {
		t.Error("the number is in the address, the title or the storage")
	}
	if b.isTrue(`performance.getEntriesByType("resource").some((e) => /5009087/.test(e.name))`) {
		t.Error("the number was in the address of a request")
	}
	b.screenshot("44-story")
	b.must(b.resize(320, 700))
	b.checkFits()
	b.scheme("dark")
	b.screenshot("45-story-phone-dark")
	b.must(b.resize(1280, 900))

	b.set("#story-day", "2020-01-01", "change")
	b.click("Show the story")
	b.waitForText("No job that you may read names 800101*****87.")
	b.open("/#/wards")
	b.waitFor(`document.querySelector(".standing")`)
	b.click("A member")
	b.waitFor(`document.querySelector("#story-id")?.value === ""`)

	// Whose role may not read rows is not offered the page, and cannot ask on it.
	// The lists of jobs are not hers either.
	b.expect("Failed to load resource", "WebSocket connection to", "Firefox can’t establish a connection")
	b.open("/?#token=" + token(t, "mary", "information_officer"))
	b.click("Sign in as mary")
	b.waitForText("Signed in as mary")
	b.isTrue(`!!(location.hash = "#/member")`)
	b.waitForText("Your role may not read rows")
	if b.isTrue(`document.querySelector("#story-id") ||
		document.querySelector("nav a[href='#/member']").checkVisibility()`) {
		t.Error("a person without the permission may ask")
	}
}
