package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the page shows of the wards is what the command says, and what the file has.
func TestConsoleShowsWhereTheOrganisationStands(t *testing.T) {
	p := startUp(t, t.TempDir(), "--ward-target", "70")
	admin := token(t, "carol", "national_admin")
	jobID, _ := uploadAndWatch(t, p.url(), p.url(), admin)

	told := mustRun(t, "wards", "--server", p.url(), "--token", admin, "--job", jobID)
	for _, want := range []string{"79800001", "of 5 wards reached", "missing of 70"} {
		if !strings.Contains(told, want) {
			t.Errorf("the command does not say %q:\n%s", want, told)
		}
	}
	below := mustRun(t, "wards", "--server", p.url(), "--token", admin, "--province", "GP", "--below-target")
	if strings.Contains(below, "79800001") || !strings.Contains(below, "79800042") || strings.Contains(below, "WC015") {
		t.Errorf("below the target in Gauteng:\n%s", below)
	}
	if before := mustRun(t, "wards", "--server", p.url(), "--token", admin, "--as-of", "2020-01-01"); !strings.Contains(
		before, "0 of 0 wards reached") {
		t.Errorf("long ago:\n%s", before)
	}

	inEachBrowser(t, func(t *testing.T, open func(t *testing.T, url string) *page) {
		open(t, p.url()).showWards(p, admin, jobID, told)
	})
}

// showWards looks at the pages of the wards, after a job.
func (b *page) showWards(p *program, admin, jobID, told string) {
	t := b.t
	b.open("/#token=" + admin)
	b.waitForText("Signed in as carol")
	b.isTrue(`document.querySelector("details.search").open = true`)
	b.enter("#jobs-search", "nothing like this")
	b.waitForText("No job is like that.")
	b.set("#jobs-search", "roll-5", "input")
	b.waitForText("1 job found.")
	b.isTrue(`document.querySelector(".quota details").open = true`)
	b.waitFor(`/carol/.test(document.querySelector(".quota table:last-of-type")?.innerText)`)
	b.screenshot("40-jobs")

	b.isTrue(`!!(location.hash = "#/wards")`)
	b.waitFor(`document.querySelectorAll(".standing tbody tr").length >= 5`)
	b.waitFor(`document.querySelector("svg.chart")`)
	total := b.text("#content tfoot")
	if b.text("h1") != "Where the organisation stands" || !strings.Contains(total, "of 5 wards") {
		t.Errorf("%s: %s", b.text("h1"), total)
	}
	b.screenshot("41-wards")
	b.set("#wards-level", "province", "change")
	b.waitForText("KwaZulu-Natal")
	b.scheme("dark")
	b.screenshot("42-provinces-dark")
	b.scheme("light")
	b.set("#wards-level", "ward", "change")
	file, err := os.Open(b.download("Export as .csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) != 6 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		if shown := b.text("#content .standing"); !strings.Contains(shown, row[3]) || !strings.Contains(told, row[3]) {
			t.Errorf("ward %s is not shown", row[3])
		}
	}
	b.set("#wards-day", "2020-01-01", "change")
	b.waitForText("There are no members in your area yet.")
	b.waitFor(`!document.querySelector(".wards .error").innerText`)
	b.set("#wards-day", "", "change")
	b.waitFor(`document.querySelectorAll(".standing tbody tr").length >= 5`)

	// From a job leads a link to whom it has added, ward by ward.
	b.isTrue(fmt.Sprintf(`!!(location.hash = "#/jobs/%s")`, jobID))
	b.waitFor(doneInPage)
	summary, err := os.ReadFile(b.download("Download summary (PDF)"))
	if err != nil || !isSummary(summary) {
		t.Errorf("no PDF of two pages: %.20q, %v", summary, err)
	}
	saved := filepath.Join(t.TempDir(), "summary.pdf")
	mustRun(t, "report", jobID, "--pdf", "-o", saved, "--server", p.url(), "--token", admin)
	if summary, err = os.ReadFile(saved); err != nil || !isSummary(summary) {
		t.Errorf("the command saves no PDF of two pages: %.20q, %v", summary, err)
	}
	b.waitFor(`document.querySelector("[data-count=inserts]")`)
	inserted := b.text("[data-count=inserts]")
	b.click("New members, ward by ward")
	b.waitFor(`document.querySelector("#content tfoot [data-count=new]")`)
	if added := b.text("#content tfoot [data-count=new]"); added != inserted || added == "0" ||
		!strings.Contains(b.text("#content thead"), "New in this job") {
		t.Errorf("the job has added %s, and the wards say %s", inserted, added)
	}
	b.screenshot("46-wards-of-a-job")
	b.must(b.resize(320, 700))
	b.checkFits()
	b.screenshot("43-wards-phone")
}

// isSummary tells whether a file is a PDF of two pages.
func isSummary(file []byte) bool {
	return bytes.HasPrefix(file, []byte("%PDF-")) && bytes.Contains(file, []byte("/Count 2"))
}
