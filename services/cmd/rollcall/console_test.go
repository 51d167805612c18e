package main

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/tealeg/xlsx/v3"
)

const doneInPage = `document.querySelector("[role=progressbar].completed")?.getAttribute("aria-valuenow") === "100"`

// slowIEC answers so slowly that the middle of a job can be seen.
func slowIEC(t *testing.T) *program {
	t.Helper()
	return rollcall(t, nil, "iec-sim", "--addr", "127.0.0.1:0", "--latency", "1s")
}

// hurry makes it answer at once.
func hurry(t *testing.T, iec *program) {
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

// The whole way of a person who was handed a token.
func TestConsoleFromSignInToReport(t *testing.T) {
	iec := slowIEC(t)
	p := startUp(t, t.TempDir(), "--iec-url", iec.url())
	b := openTab(t, p.url())
	b.scheme("light")
	b.open("/")
	b.says("Sign in")
	b.shot("01-sign-in")
	b.until(`document.activeElement.id === "token"`)
	b.do(chromedp.SendKeys(chromedp.CSS("#token"), token(t, "alice", "member")+kb.Enter))
	b.says("Signed in as alice")
	b.says("No jobs yet")
	b.until(`document.querySelector(".connection").dataset.state === "open"`)
	b.shot("02-empty")

	b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{sampleFile(t)}))
	b.until(`location.hash.startsWith("#/jobs/job-")`)
	b.until(`/ of 435 rows/.test(document.querySelector(".facts")?.textContent)`)
	b.until(`document.querySelector("[data-count=invalid_ids]")`) // counts while the job runs
	b.shot("03-working")
	jobID := jobIDs.FindString(b.address())
	if b.is(doneInPage) {
		t.Error("the job was over before the page was loaded again")
	}

	b.do(chromedp.Reload())
	b.until(`document.querySelectorAll(".timeline li").length >= 2`)
	if got := b.address(); !strings.HasSuffix(got, "#/jobs/"+jobID) || b.text("h1") != "roll-500.xlsx" {
		t.Errorf("after loading again: %s %q", got, b.text("h1"))
	}
	b.until(`/ of 435 rows/.test(document.querySelector(".facts").textContent)`)
	b.shot("04-loaded-again")
	hurry(t, iec)
	b.until(doneInPage)
	b.until(`document.querySelector("[data-count=inserts]")`)
	b.shot("05-completed")
	done := b.text("article")
	b.do(chromedp.Reload())
	b.until(doneInPage)
	b.until(`document.querySelector("[data-count=inserts]")`)
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
	b.undo(jobID)
	b.phone()
	b.dark()

	b.press("Sign out")
	b.says("Sign in")
	if b.is(`sessionStorage.length || localStorage.length || document.cookie`) {
		t.Error("something is kept after signing out")
	}
}

// undo takes the finished job back, after a second thought, and comes back to it.
func (b *tab) undo(jobID string) {
	b.t.Helper()
	before := b.address()
	b.press("Undo")
	b.shot("19-undo")
	b.press("Leave it as it is")
	b.until(`!document.querySelector("dialog[open]")`)
	if now := b.address(); now != before || !b.is(doneInPage) {
		b.t.Errorf("after a no the page is at %s", now)
	}
	inserted := b.text("[data-count=inserts]")
	b.press("Undo")
	b.press("Yes, undo it")
	b.until(fmt.Sprintf("location.href !== %q", before))
	b.until(doneInPage)
	b.until(`document.querySelector("[data-count=removed]")`)
	if removed := b.text("[data-count=removed]"); b.text("h1") != "Undo of roll-500.xlsx" || inserted == "0" ||
		removed != inserted {
		b.t.Errorf("%s: %s removed of %s", b.text("h1"), removed, inserted)
	}
	b.until(`document.querySelector(".jobs [aria-current=page]")?.innerText.includes("Undo of")`)
	for _, name := range []string{"Undo", "Download rows to fix"} {
		if b.is(fmt.Sprintf(`[...document.querySelectorAll("button")].some((e) => e.innerText === %q && !e.hidden)`, name)) {
			b.t.Errorf("the page of an undo has the button %s", name)
		}
	}
	b.shot("20-undone")
	b.press("Go to the job that this one takes back")
	b.until(fmt.Sprintf("location.href === %q", before))
	b.until(doneInPage)
	b.until(`document.querySelector("[data-count=inserts]")`)
}

// stepThrough walks through the history of the finished sample by keyboard.
func (b *tab) stepThrough() {
	b.t.Helper()
	want := []struct {
		percent string
		counts  int
	}{{"100", 14}, {"80", 14}, {"60", 10}, {"40", 5}, {"0", 0}}
	b.do(chromedp.Focus(chromedp.CSS(`.timeline button[tabindex="0"]`)))
	for i, w := range want {
		if i > 0 {
			b.do(chromedp.KeyEvent(kb.ArrowUp))
		}
		b.until(fmt.Sprintf(`document.querySelector(".job [role=progressbar]").getAttribute("aria-valuenow") === %q`,
			w.percent))
		b.until(fmt.Sprintf(`document.querySelectorAll("[data-count]").length === %d`, w.counts))
	}
	const focus = `document.activeElement.dataset.step === "0" &&
		document.activeElement.getAttribute("aria-current") === "step"`
	if !b.is(focus) {
		b.t.Error("the focus did not go along")
	}
	b.do(chromedp.KeyEvent(kb.ArrowDown))
	b.says("Step 2 of 5")
	b.shot("06-step-2")
	b.press("Next step")
	b.says("Step 3 of 5")
	b.press("Back to now")
	b.until(doneInPage)
}

// phone shows the job and the list at the width of a small phone.
func (b *tab) phone() {
	b.t.Helper()
	b.size(360, 740, true)
	b.fits()
	b.shot("07-phone-job")
	b.press("← All jobs")
	b.until(`location.hash === "#/"`)
	b.fits()
	b.shot("08-phone-jobs")
	b.do(chromedp.Click(chromedp.CSS(".jobs a")))
	b.until(doneInPage)
	b.desktop()
}

func (b *tab) dark() {
	b.t.Helper()
	b.scheme("dark")
	b.shot("09-dark")
	if !b.is(`getComputedStyle(document.body).backgroundColor === "rgb(15, 21, 19)"`) {
		b.t.Error("not dark")
	}
	b.scheme("light")
}

// fits tells whether nothing sticks out to the side.
func (b *tab) fits() {
	b.t.Helper()
	if !b.is(`document.documentElement.scrollWidth <= innerWidth`) {
		b.shot("too-wide")
		b.t.Error("the page is wider than the window")
	}
}

func (b *tab) address() string {
	b.t.Helper()
	return evaluate[string](b, "location.href")
}

// A job is cancelled and tried again, and the token in the address is gone.
func TestConsoleCancelsAndTriesAgain(t *testing.T) {
	iec := slowIEC(t)
	p := startUp(t, t.TempDir(), "--iec-url", iec.url())
	b := openTab(t, p.url())
	b.scheme("light")
	bob := token(t, "bob", "member")
	b.open("/#token=" + bob)
	b.says("Signed in as bob")
	if at := b.address(); strings.Contains(at, "token") {
		t.Errorf("the token is still in the address")
	}
	if b.is(`localStorage.length || sessionStorage.getItem("rollcall-token") === null`) {
		t.Error("the token is not in sessionStorage alone")
	}
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{sampleFile(t)}))
	b.until(`document.querySelector("[data-count=invalid_ids]")`)
	b.press("Cancel")
	b.shot("10-cancel")
	b.press("Yes, cancel it")
	b.until(`document.querySelector(".heading .badge.cancelled")`)
	b.until(`document.activeElement.tagName === "H1"`) // the button is gone, the place is kept
	b.shot("11-cancelled")
	hurry(t, iec)
	b.press("Try again")
	b.until(doneInPage)
	b.says("Tried again")
	b.shot("12-tried-again")
}

// The link that up prints signs one in.
func TestConsoleOpensByTheLinkOfUp(t *testing.T) {
	p := rollcall(t, nil, "up", "--addr", "127.0.0.1:0", "--data", t.TempDir())
	p.healthy()
	var link string
	p.wait("the link", func() bool {
		link = regexp.MustCompile(`/#token=\S+`).FindString(p.out.String())
		return link != ""
	})
	b := openTab(t, p.url())
	b.open(link)
	b.says("Signed in as you")
	b.until(`document.querySelector(".connection").dataset.state === "open"`)
	if strings.Contains(b.address(), "token") {
		t.Error("the token is still in the address")
	}
}

// The quota is spent in the middle of the job, which says so and until when it waits.
func TestConsoleShowsAPause(t *testing.T) {
	p := startUp(t, t.TempDir(), "--iec-quota", "100")
	b := openTab(t, p.url())
	b.scheme("light")
	b.open("/#token=" + token(t, "dora", "member"))
	b.says("No jobs yet")
	b.do(chromedp.Click(chromedp.CSS("#dry-run")))
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{sampleFile(t)}))
	b.until(`document.querySelector(".heading .badge.paused")`)
	b.says("goes on at ")
	b.says("100 of 100 used")
	b.says("dry run")
	kinds := `[...document.querySelectorAll(".timeline li")].map((li) => li.className).join(" ")`
	b.until(kinds + ` === "uploaded validated warned paused"`)
	b.until(`document.querySelector(".jobs .badge.paused")`)
	b.shot("17-paused")
	b.scheme("dark")
	b.shot("18-paused-dark")
}

// What goes wrong is said in words, and the live feed comes back by itself.
func TestConsoleSaysWhatIsWrong(t *testing.T) {
	dir, addr := t.TempDir(), freeAddr(t)
	p := startUp(t, dir, "--addr", addr)
	b := openTab(t, p.url())
	b.scheme("light")
	b.open("/#token=" + token(t, "carol", "member"))
	b.until(`document.querySelector(".connection").dataset.state === "open"`)
	evaluate[bool](b, `document.querySelector(".drop").dispatchEvent(Object.assign(
		new Event("drop", {bubbles: true, cancelable: true}),
	  {dataTransfer: {files: [new File(["x"], "roll.pdf")]}}))`)
	b.says("Please choose an Excel workbook")
	b.shot("13-wrong-file")

	// The browser itself notes requests that were refused or got no answer.
	b.expect("Failed to load resource", "WebSocket connection to")
	evaluate[string](b, `location.hash = "#/jobs/job-01890000-0000-7000-8000-000000000000"`)
	b.says("There is no such job")
	b.shot("14-no-such-job")

	p.stop(syscall.SIGTERM)
	b.says("Connection lost")
	b.shot("15-connection-lost")
	startUp(t, dir, "--addr", addr)
	b.until(`document.querySelector(".connection").dataset.state === "open"`)

	evaluate[string](b, `sessionStorage["rollcall-token"] = "x.y.z"`)
	b.do(chromedp.Reload())
	b.says("Your token is not valid any more")
	b.shot("16-signed-out")
}
