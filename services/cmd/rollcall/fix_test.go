package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rollcall.example/events"
)

// A roll whose columns have names that nobody knows: twenty rows are to be fixed.
// The people of another year are others.
func strangeRoll(t *testing.T, year int) string {
	t.Helper()
	var text strings.Builder
	text.WriteString("Lidnommer X,Kolom P,Kolom Q,Wyk Z,Skoen\n")
	for i := range 60 {
		id := validID(year, i)
		if i%3 == 1 {
			id = id[:12] + string('0'+(id[12]-'0'+1)%10)
		}
		fmt.Fprintf(&text, "%s,Name%d,Surname%d,79800001,7\n", id, i, i)
	}
	file := filepath.Join(t.TempDir(), "strange roll.csv")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// validID returns the ID number of a woman who was born in January of a year of the 1900s.
func validID(year, i int) string {
	digits := fmt.Sprintf("%02d01%02d%04d08", year, 1+i%28, 100+i)
	for check := range 10 {
		if id := digits + fmt.Sprint(check); luhn(id) {
			return id
		}
	}
	panic("no check digit fits")
}

func luhn(id string) bool {
	sum := 0
	for i, r := range id {
		n := int(r - '0')
		if (len(id)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// Somebody who never used the console drops a file whose columns have unknown names, and
// gets to twenty rows fixed and written without a terminal or a spreadsheet program.
func TestConsoleFromUnknownColumnsToFixedRows(t *testing.T) {
	p := startUp(t, t.TempDir())
	year := 80
	for name, open := range browsers {
		year++
		t.Run(name, func(t *testing.T) {
			b := open(t, p.url())
			b.open("/#token=" + token(t, "alice-"+name, "member"))
			b.waitForText("No jobs yet")
			b.mapStrangeColumns(strangeRoll(t, year))
			b.checkKeyboard()
			b.click("Check only")
			b.waitFor(`location.hash.startsWith("#/jobs/job-")`)
			b.waitFor(doneInPage)
			b.screenshot("43-checked")
			b.click("Commit this dry run")
			b.waitForText("Go to the dry run that this one writes")
			b.waitFor(doneInPage)
			first := value[string](b, "location.hash")
			b.look()
			b.fixTwentyRows()
			b.click("Write")
			b.waitForText("Go to the job whose rows this one corrects")
			b.waitFor(doneInPage)
			b.waitFor(`document.querySelector("[data-count=inserts]")?.innerText === "20"`)
			b.screenshot("49-follow-up")
			b.click("Go to the job whose rows this one corrects")
			b.waitFor(fmt.Sprintf("location.hash === %q", first))
		})
	}
}

// look filters the rows of a job and opens one.
func (p *page) look() {
	p.t.Helper()
	p.waitFor(`document.querySelector(".vgrid")?.getAttribute("aria-rowcount") === "61"`)
	p.screenshot("44-rows")
	p.enter("#row-search", "name4")
	p.waitFor(`document.querySelector(".vgrid").getAttribute("aria-rowcount") === "12"`) // Name4 and Name40 to Name49
	for range "name4" {
		p.must(p.press("Backspace"))
	}
	p.waitFor(`document.querySelector(".vgrid").getAttribute("aria-rowcount") === "61"`)
	p.click("Name")
	p.waitFor(`document.querySelector(".vbody [aria-rowindex='2'] .c-name")?.innerText === "Name0 Surname0"`)
	p.click("Name ↑")
	p.waitFor(`document.querySelector(".vbody [aria-rowindex='2'] .c-name")?.innerText === "Name59 Surname59"`)
	p.clickOn(`document.querySelector("[data-status=fix]")`)
	p.waitFor(`document.querySelector(".vgrid").getAttribute("aria-rowcount") === "21"`)
	p.takeAway()
	p.checkKeyboard()
	p.clickOn(`document.querySelector(".vbody [aria-rowindex='2']")`)
	p.waitForText("What was in the cell")
	p.screenshot("45-passport")
	p.must(p.press("Escape"))
	p.waitFor(`!document.querySelector("dialog[open]") && document.activeElement.matches(".vrow")`)
	p.must(p.press("ArrowDown"))
	p.waitFor(`document.activeElement.getAttribute("aria-rowindex") === "3"`)
	p.must(p.press("End"))
	p.waitFor(`document.activeElement.getAttribute("aria-rowindex") === "21"`)
}

// takeAway copies the twenty rows that are shown, and saves them.
func (p *page) takeAway() {
	p.t.Helper()
	// No test can read the clipboard in both browsers.
	p.isTrue(`(navigator.clipboard.writeText = async (text) => { window.copied = text; }, true)`)
	p.click("Copy")
	p.waitForText("20 rows are in the clipboard.")
	saved, err := os.ReadFile(p.download("Save as CSV"))
	p.must(err)
	for name, text := range map[string]string{"copied": value[string](p, "window.copied"), "saved": string(saved)} {
		lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\r", "")), "\n")
		if len(lines) != 21 || !strings.Contains(text, "Name1 Surname1") || !strings.Contains(text, "Name58 Surname58") {
			p.t.Errorf("%s: %d lines, %q to %q", name, len(lines), lines[0], lines[len(lines)-1])
		}
		if events.HasID(text) {
			p.t.Errorf("%s: it has a whole ID number", name)
		}
	}
}

// fixTwentyRows puts the last digit of each wrong ID number right, by keyboard.
func (p *page) fixTwentyRows() {
	p.t.Helper()
	p.click("Fix in place")
	p.clickOn(`document.querySelector("[aria-rowindex='2'] [data-fix=id_number]")`)
	p.screenshot("46-fixing")
	for i := range 20 {
		p.waitFor(fmt.Sprintf(`document.activeElement.dataset.fix === "id_number" &&
			document.activeElement.closest("[aria-rowindex]").getAttribute("aria-rowindex") === "%d"`, i+2))
		id := value[string](p, "document.activeElement.value")
		p.must(p.press("End"))
		p.must(p.press("Backspace"))
		p.must(p.typeText(string('0' + (id[12]-'0'+9)%10)))
		p.must(p.press("Enter"))
	}
	p.waitForText("20 rows are corrected.")
	p.screenshot("47-fixed")
	p.click("Go on with the corrected rows")
	p.waitFor(`document.querySelector("[data-step=ready]")`)
	if rows, bad := value[string](p, `document.querySelector("[data-found=rows] dd").innerText`),
		value[string](p, `document.querySelector("[data-found=rejected] dd").innerText`); rows != "20" || bad != "0" {
		p.t.Errorf("of the corrected rows %s would be taken and %s rejected", rows, bad)
	}
	p.screenshot("48-fixed-rows-found")
}

// mapStrangeColumns drops a file, says what its columns are and keeps that under a name.
func (p *page) mapStrangeColumns(file string) {
	p.t.Helper()
	p.must(p.setFiles("#file", []string{file}))
	p.waitFor(`document.querySelector("[data-step=ready]")`)
	p.screenshot("40-unknown-columns")
	for letter, field := range map[string]string{"B": "First Name", "C": "Surname", "D": "Ward"} {
		p.choose(fmt.Sprintf("[data-letter=%s]", letter), field)
		p.waitFor(fmt.Sprintf(
			`document.querySelector("[data-step=ready] [data-column=%s] .why")?.innerText === "chosen by you"`, letter))
	}
	if got := value[map[string]string](p, `Object.fromEntries([...document.querySelectorAll("[data-found]")]
		.map((e) => [e.dataset.found, e.querySelector("dd").firstChild.textContent]))`); got["rows"] != "60" ||
		got["rejected"] != "20" || got["calls"] != "40 at most" || !strings.HasPrefix(got["time"], "about ") {
		p.t.Errorf("before the start the page says %v", got)
	}
	p.clickOn(`document.querySelector(".save input")`)
	p.must(p.typeText("Branch rolls"))
	p.must(p.press("Enter"))
	p.waitForText("Saved as “Branch rolls”.")
	p.screenshot("41-mapped")
	// The same file again: the mapping that was kept is offered.
	p.click("Remove strange roll.csv")
	p.must(p.setFiles("#file", []string{file}))
	p.click("Use the mapping “Branch rolls”")
	p.waitFor(`document.querySelector("[data-step=ready] [data-letter=D]")?.value === "ward"`)
	p.screenshot("42-mapping-used")
}
