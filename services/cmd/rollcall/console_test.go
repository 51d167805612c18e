package main

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/tealeg/xlsx/v3"
)

const doneInPage = `document.querySelector("[role=progressbar].completed")?.getAttribute("aria-valuenow") === "100"`

// slowIEC starts an IEC that answers so slowly that a job can be seen at work.
func slowIEC(t *testing.T) *program {
	t.Helper()
	return rollcall(t, nil, "iec-sim", "--addr", "127.0.0.1:0", "--latency", "4s")
}

// speedUp makes an IEC answer at once.
func speedUp(t *testing.T, iec *program) {
	t.Helper()
	resp, err := http.Post(iec.url()+"/sim/config", "application/json", strings.NewReader(`{"latency_ms": 0}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the IEC's simulator does not hurry: %s", resp.Status)
	}
}

// From signing in with a token to the report of a job.
func TestConsoleFromSignInToReport(t *testing.T) {
	inEachBrowser(t, fromSignInToReport)
}

func fromSignInToReport(t *testing.T, open func(t *testing.T, url string) *page) {
	iec := slowIEC(t)
	p := startUp(t, t.TempDir(), "--iec-url", iec.url())
	b := open(t, p.url())
	b.open("/")
	b.waitForText("Sign in")
	b.screenshot("01-sign-in")
	b.waitFor(`document.activeElement.id === "token"`)
	b.enter("#token", token(t, "alice", "member"))
	b.must(b.press("Enter"))
	b.waitForText("Signed in as alice")
	b.waitForText("No jobs yet")
	b.waitFor(`document.querySelector(".connection").dataset.state === "open"`)
	b.screenshot("02-empty")

	b.drop(sampleFile(t))
	b.click("Write")
	b.waitFor(`location.hash.startsWith("#/jobs/job-")`)
	b.waitFor(`/ of 438 rows/.test(document.querySelector(".facts")?.textContent)`)
	b.waitFor(`document.querySelector("[data-count=invalid_ids]")`) // counts while the job runs
	b.screenshot("03-working")
	jobID := jobIDs.FindString(b.address())
	if b.isTrue(doneInPage) {
		t.Error("the job was over before the page was loaded again")
	}

	b.reload()
	b.waitFor(`document.querySelectorAll(".timeline li").length >= 2`)
	b.waitFor(`document.querySelector("h1")?.textContent === "roll-500.xlsx"`) // it comes by another way
	if got := b.address(); !strings.HasSuffix(got, "#/jobs/"+jobID) {
		t.Errorf("after loading again: %s", got)
	}
	b.waitFor(`/ of 438 rows/.test(document.querySelector(".facts").textContent)`)
	b.screenshot("04-loaded-again")
	b.reload()
	b.waitFor(`/ of 438 rows/.test(document.querySelector(".facts")?.textContent)`)
	b.isTrue(watchBar)
	speedUp(t, iec)
	b.waitFor(doneInPage)
	b.checkBar()
	b.waitFor(`document.querySelector("[data-count=inserts]")`)
	const allRows = `document.querySelector(".rows > .hint")?.innerText === "500 rows."`
	b.waitFor(allRows)
	b.checkSteady("a job that is followed to its end")
	b.renew("console.png")
	b.screenshot("05-completed")
	done := b.text("article")
	b.reload()
	b.waitFor(doneInPage)
	b.waitFor(`document.querySelector("[data-count=inserts]")`)
	b.waitFor(allRows)
	b.checkSteady("a job that is loaded")
	if again := b.text("article"); again != done {
		t.Errorf("loaded again, the job looks different:\n%s\n\nbefore:\n%s", again, done)
	}

	book, err := xlsx.OpenFile(b.download("Download report"))
	if err != nil {
		t.Fatal(err)
	}
	if s := book.Sheet["All Uploaded Rows"]; s == nil || s.MaxRow != 501 {
		t.Errorf("sheet of all rows: %+v", s)
	}
	if _, err := xlsx.OpenFile(b.download("Download rows to fix")); err != nil {
		t.Error(err)
	}

	b.stepThrough()
	b.undoJob(jobID)
	b.checkPhone()
	b.checkDark()

	b.click("Sign out")
	b.waitForText("Sign in")
	if b.isTrue(`sessionStorage.length || localStorage.length || document.cookie`) {
		t.Error("something is kept after signing out")
	}
}

// drop chooses a file and waits until it was looked at.
func (b *page) drop(file string) {
	b.t.Helper()
	b.must(b.setFiles("#file", []string{file}))
	b.waitFor(`document.querySelector("[data-step=ready]")`)
}

// undoJob undoes the finished job, after one cancelled attempt, and returns to it.
func (b *page) undoJob(jobID string) {
	b.t.Helper()
	before := b.address()
	b.click("Undo")
	b.screenshot("19-undo")
	b.click("Leave it as it is")
	b.waitFor(`!document.querySelector("dialog[open]")`)
	if now := b.address(); now != before || !b.isTrue(doneInPage) {
		b.t.Errorf("after a no the page is at %s", now)
	}
	inserted := b.text("[data-count=inserts]")
	b.click("Undo")
	b.click("Yes, undo it")
	b.waitFor(fmt.Sprintf("location.href !== %q", before))
	b.waitFor(doneInPage)
	b.waitFor(`document.querySelector("[data-count=removed]")`)
	b.waitFor(`document.querySelector("h1")?.textContent === "Undo of roll-500.xlsx"`)
	if removed := b.text("[data-count=removed]"); inserted == "0" || removed != inserted {
		b.t.Errorf("%s removed of %s", removed, inserted)
	}
	b.waitFor(`document.querySelector(".jobs [aria-current=page]")?.innerText.includes("Undo of")`)
	for _, name := range []string{"Undo", "Download rows to fix"} {
		if b.isTrue(fmt.Sprintf(`[...document.querySelectorAll("button")].some((e) => e.innerText === %q && !e.hidden)`,
			name)) {
			b.t.Errorf("the page of an undo has the button %s", name)
		}
	}
	b.screenshot("20-undone")
	b.click("Go to the job that this one takes back")
	b.waitFor(fmt.Sprintf("location.href === %q", before))
	b.waitFor(doneInPage)
	b.waitFor(`document.querySelector("[data-count=inserts]")`)
}

// stepThrough steps through the history of the finished sample by keyboard.
func (b *page) stepThrough() {
	b.t.Helper()
	want := []struct {
		percent string
		counts  int
	}{{"100", 14}, {"80", 14}, {"60", 10}, {"40", 5}, {"0", 0}}
	b.isTrue(`document.querySelector('.timeline button[tabindex="0"]').focus()`)
	for i, w := range want {
		if i > 0 {
			b.must(b.press("ArrowUp"))
		}
		b.waitFor(fmt.Sprintf(`document.querySelector(".job [role=progressbar]").getAttribute("aria-valuenow") === %q`,
			w.percent))
		b.waitFor(fmt.Sprintf(`document.querySelectorAll("[data-count]").length === %d`, w.counts))
	}
	const focus = `document.activeElement.dataset.step === "0" &&
		document.activeElement.getAttribute("aria-current") === "step"`
	if !b.isTrue(focus) {
		b.t.Error("the focus did not go along")
	}
	b.must(b.press("ArrowDown"))
	b.waitForText("Step 2 of 5")
	b.screenshot("06-step-2")
	b.click("Next step")
	b.waitForText("Step 3 of 5")
	b.click("Back to now")
	b.waitFor(doneInPage)
}

// checkPhone checks the job and the list at the width of a small phone.
func (b *page) checkPhone() {
	b.t.Helper()
	b.must(b.resize(360, 740))
	b.checkFits()
	b.screenshot("07-phone-job")
	b.click("← All jobs")
	b.waitFor(`location.hash === "#/"`)
	b.checkFits()
	b.screenshot("08-phone-jobs")
	b.clickOn(`document.querySelector(".jobs a")`)
	b.waitFor(doneInPage)
	b.must(b.resize(1280, 900))
}

func (b *page) checkDark() {
	b.t.Helper()
	if b.name != "chromium" {
		return // Firefox stays light
	}
	b.scheme("dark")
	b.screenshot("09-dark")
	if !b.isTrue(`getComputedStyle(document.body).backgroundColor === "rgb(15, 21, 19)"`) {
		b.t.Error("not dark")
	}
	b.scheme("light")
}

// A job is cancelled and retried, and the token is no longer in the address.
func TestConsoleCancelsAndRetries(t *testing.T) {
	iec := slowIEC(t)
	p := startUp(t, t.TempDir(), "--iec-url", iec.url())
	b := openChromium(t, p.url())
	bob := token(t, "bob", "member")
	b.open("/#token=" + bob)
	b.waitForText("Signed in as bob")
	if at := b.address(); strings.Contains(at, "token") {
		t.Errorf("the token is still in the address")
	}
	if b.isTrue(`localStorage.length || sessionStorage.getItem("rollcall-token") === null`) {
		t.Error("the token is not in sessionStorage alone")
	}
	b.drop(sampleFile(t))
	b.click("Write")
	b.waitFor(`document.querySelector("[data-count=invalid_ids]")`)
	b.click("Cancel")
	b.screenshot("10-cancel")
	b.click("Yes, cancel it")
	b.waitFor(`document.querySelector(".heading .badge.cancelled")`)
	b.waitFor(`document.activeElement.tagName === "H1"`) // the button is gone, the place is kept
	b.screenshot("11-cancelled")
	speedUp(t, iec)
	b.click("Try again")
	b.waitFor(doneInPage)
	b.waitForText("Tried again")
	b.screenshot("12-tried-again")
}

// Whoever sends somebody a link with a token of their own must not get what that person
// uploads afterwards.
func TestConsoleAsksBeforeALinkReplacesASession(t *testing.T) {
	p := startUp(t, t.TempDir())
	b := openChromium(t, p.url())
	bob, eve := token(t, "bob", "province_admin"), token(t, "eve", "province_admin")
	b.open("/#token=" + bob)
	b.waitForText("Signed in as bob")
	const open = `document.querySelector("dialog[open]")`
	question := func(link string) {
		t.Helper()
		b.open(link)
		b.waitFor(open + `?.textContent.includes("eve") && ` + open + `.textContent.includes("bob")`)
		if strings.Contains(b.address(), "token") {
			t.Errorf("the token is still in the address: %s", link)
		}
		if value[string](b, `document.activeElement.textContent`) != "Stay signed in as bob" ||
			value[string](b, open+`.getAttribute("aria-label")`) != "Stay signed in as bob?" {
			t.Error("keeping the session is not what has the focus, or the dialog has no name")
		}
	}
	kept := func(how string) {
		t.Helper()
		b.waitFor(`!` + open)
		if value[string](b, `sessionStorage["rollcall-token"]`) != bob ||
			!b.isTrue(`document.body.textContent.includes("Signed in as bob")`) {
			t.Errorf("%s: the session was replaced", how)
		}
	}
	question("/#token=" + eve)
	b.must(b.press("Escape"))
	kept("Escape")
	question("/#token=" + eve + "&/jobs/job-01890000-0000-7000-8000-000000000000")
	b.must(b.press("Enter"))
	kept("Enter")
	if strings.Contains(b.address(), "job-") {
		t.Errorf("the link's page is shown: %s", b.address())
	}
	// The link opens in a tab with a session, as a page of its own.
	value[string](b, `location.hash = "#token=`+eve+`", ""`)
	b.waitFor(open)
	b.reload()
	b.waitForText("Signed in as bob")
	// What is no token is taken out of the address, too.
	value[string](b, `location.hash = "#token=%20secret", ""`)
	b.waitFor(`location.hash === ""`)
	kept("no token")
	question("/#token=" + eve)
	b.click("Sign in as eve")
	b.waitForText("Signed in as eve")
	if value[string](b, `sessionStorage["rollcall-token"]`) != eve {
		t.Error("the session was not replaced")
	}
}

// The quota is used up during the job. The page says so, and until when it waits.
func TestConsoleShowsAPause(t *testing.T) {
	p := startUp(t, t.TempDir(), "--iec-quota", "100")
	b := openChromium(t, p.url())
	b.open("/#token=" + token(t, "dora", "member"))
	b.waitForText("No jobs yet")
	b.drop(sampleFile(t))
	b.waitForText("the job waits by itself until calls are free")
	b.click("Check only")
	b.waitFor(`document.querySelector(".heading .badge.paused")`)
	b.waitForText("goes on at ")
	b.waitForText("100 of 100 used")
	b.waitForText("dry run")
	kinds := `[...document.querySelectorAll(".timeline li")].map((li) => li.className).join(" ")`
	b.waitFor(kinds + ` === "uploaded validated warned paused"`)
	b.waitFor(`document.querySelector(".jobs .badge.paused")`)
	b.screenshot("17-paused")
	b.scheme("dark")
	b.screenshot("18-paused-dark")
}

// Errors are shown in sentences, and the live feed reconnects by itself.
func TestConsoleShowsErrors(t *testing.T) {
	dir, addr := t.TempDir(), freeAddr(t)
	p := startUp(t, dir, "--addr", addr)
	b := openChromium(t, p.url())
	b.open("/#token=" + token(t, "carol", "member"))
	b.waitFor(`document.querySelector(".connection").dataset.state === "open"`)
	value[bool](b, `document.querySelector(".drop").dispatchEvent(Object.assign(
		new Event("drop", {bubbles: true, cancelable: true}),
	  {dataTransfer: {files: [new File(["x"], "roll.pdf")]}}))`)
	b.waitForText("Please choose a spreadsheet")
	b.screenshot("13-wrong-file")

	// The browser itself reports requests that failed.
	b.expect("Failed to load resource", "WebSocket connection to")
	value[string](b, `location.hash = "#/jobs/job-01890000-0000-7000-8000-000000000000"`)
	b.waitForText("There is no such job")
	b.screenshot("14-no-such-job")

	p.stop(syscall.SIGTERM)
	b.waitForText("Connection lost")
	b.screenshot("15-connection-lost")
	startUp(t, dir, "--addr", addr)
	b.waitFor(`document.querySelector(".connection").dataset.state === "open"`)

	value[string](b, `sessionStorage["rollcall-token"] = "x.y.z"`)
	b.reload()
	b.waitForText("Your session has ended")
	b.screenshot("16-signed-out")
}
