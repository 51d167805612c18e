package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A roll whose columns have names that nobody knows: twenty rows are to be fixed.
func strangeRoll(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	text.WriteString("Lidnommer X,Kolom P,Kolom Q,Wyk Z,Skoen\n")
	for i := range 60 {
		id := validID(i)
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

// validID returns the ID number of a woman who was born in January 1980.
func validID(i int) string {
	digits := fmt.Sprintf("8001%02d%04d08", 1+i%28, 100+i)
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
	for name, open := range browsers {
		t.Run(name, func(t *testing.T) {
			b := open(t, p.url())
			b.open("/#token=" + token(t, "alice-"+name, "member"))
			b.waitForText("No jobs yet")
			b.mapStrangeColumns(strangeRoll(t))
			b.click("Check only")
			b.waitFor(`location.hash.startsWith("#/jobs/job-")`)
			b.waitFor(doneInPage)
			b.screenshot("43-checked")
		})
	}
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
