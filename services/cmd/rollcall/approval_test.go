package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// areaToken is a token of somebody who works in one ward.
func areaToken(t *testing.T, user, role, ward string) string {
	t.Helper()
	return strings.TrimSpace(mustRun(t, "token", "--user", user, "--role", role, "--ward", ward, "--secret", secret))
}

// uploadCSV uploads a roll without asking the IEC and returns the job.
func uploadCSV(t *testing.T, url, token, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "roll.csv")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	said := mustRun(t, "upload", file, "--skip-iec", "--server", url, "--token", token)
	id := jobIDs.FindString(said)
	if id == "" {
		t.Fatalf("upload said %s", said)
	}
	return id
}

// The administrator of a ward may not write: head office declines one job and approves
// another, in the console.
func TestConsoleDecidesAboutAJob(t *testing.T) {
	p := startUp(t, t.TempDir())
	alice := areaToken(t, "alice", "ward_admin", "79800001")
	inEachBrowser(t, func(t *testing.T, open func(t *testing.T, url string) *page) {
		open(t, p.url()).decide(p, alice, open)
	})
}

// decide declines one job and approves another.
func (b *page) decide(p *program, alice string, open func(t *testing.T, url string) *page) {
	t := b.t
	roll := "ID Number,Name,Ward\n" + validID(len(b.name), 1) + ",Thandi,79800001\n" // another person in each browser
	declined, approved := uploadCSV(t, p.url(), alice, roll), uploadCSV(t, p.url(), alice, roll)
	b.open("/#token=" + token(t, "boss", "national_admin") + "&/jobs/" + declined)
	b.waitForText("Waits for approval")
	b.waitFor(`document.querySelector("[data-count=inserts]")?.innerText === "1"`)
	b.screenshot("30-waits-for-approval")
	b.click("Decline")
	b.click("Yes, decline it") // without a reason the dialog stays
	b.waitFor(`document.querySelector("dialog[open] input:invalid")`)
	b.enter("dialog[open] input", "Another ward.")
	b.screenshot("31-decline")
	b.click("Yes, decline it")
	b.waitForText("Another ward.")
	b.waitFor(`document.querySelector(".badge.declined")`)
	b.screenshot("32-declined")

	b.open("/#/jobs/" + approved)
	b.waitForText("Waits for approval")
	b.click("Approve")
	b.waitFor(doneInPage)
	b.screenshot("33-approved")
	if status := mustRun(t, "status", approved, "--json", "--server", p.url(), "--token", alice); !strings.Contains(
		status, `"decided_by": "boss"`) && !strings.Contains(status, `"decided_by":"boss"`) {
		t.Errorf("alice reads %s", status)
	}

	// The uploader sees that it waits, and no button that decides.
	third := uploadCSV(t, p.url(), alice, "ID Number,Name,Ward\n"+validID(len(b.name), 2)+",Sipho,79800001\n")
	own := open(t, p.url())
	own.open("/#token=" + alice + "&/jobs/" + third)
	own.waitFor(`document.querySelector(".heading .badge.awaiting_approval")`)
	if own.isTrue(`[...document.querySelectorAll("button")].some((e) => e.innerText === "Approve" &&
		e.checkVisibility())`) {
		t.Error("alice may approve her own job")
	}
}
