package main

import (
	"fmt"
	"testing"
)

// speaks waits until the page is in a language, by the name of its button for signing out.
func (p *page) speaks(code, signOut string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf(`document.documentElement.lang === %q && document.querySelector(".language")?.value === %[1]q &&
		[...document.querySelectorAll("header button")].some((e) => e.innerText === %q)`, code, signOut))
}

// The language is chosen on the page and kept, and where work would be lost the page asks first.
func TestConsoleChangesItsLanguage(t *testing.T) {
	up := startUp(t, t.TempDir())
	file := sampleFile(t)
	admin := token(t, "carol", "national_admin")
	jobID, _ := uploadAndWatch(t, up.url(), up.url(), admin)
	for name, open := range browsers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, up.url())
			p.open("/")
			p.waitForText("Sign in")
			p.choose(".language", "Afrikaans")
			p.waitForText("Meld aan")
			p.waitForText("Nie deur ’n spreker nagegaan nie")
			p.open("/#token=" + token(t, "alice-"+name, "member"))
			p.speaks("af", "Meld af")
			p.waitForText("Aangemeld as alice-" + name)
			p.choose(".language", "isiZulu")
			p.speaks("zu", "Phuma")
			p.must(p.setFiles("#file", []string{file}))
			p.waitFor(`document.querySelector("[data-step=ready]")`)
			p.waitForText("Okutholakele") // what was found
			p.choose(".language", "isiXhosa")
			p.click("Hlala lapha")
			p.waitFor(`!document.querySelector("dialog")`)
			p.speaks("zu", "Phuma")
			if !p.isTrue(`document.querySelector("[data-step=ready]")`) {
				t.Error("the file is gone")
			}
			p.choose(".language", "isiXhosa")
			p.click("Lushintshe")
			p.speaks("xh", "Phuma")
			if p.isTrue(`document.querySelector("[data-step]")`) {
				t.Error("the page was not loaded again")
			}
			// What the server refuses with a code that is common, is said in the language.
			p.expect("Failed to load resource")
			p.open("/#/jobs/job-01890000-0000-7000-8000-000000000000")
			p.waitForText("Akukho msebenzi unjalo, okanye asingowakho.")
			p.open("/?#token=" + admin)
			p.click("Ngena njengo-carol")
			p.waitForText("Ungene njengo-carol")
			for _, one := range []struct{ code, name, signOut string }{
				{"zu", "isiZulu", "Phuma"}, {"af", "Afrikaans", "Meld af"}, {"xh", "isiXhosa", "Phuma"},
			} {
				p.choose(".language", one.name)
				p.speaks(one.code, one.signOut)
				for page, shown := range map[string]string{
					"jobs/" + jobID: doneInPage + ` && document.querySelector(".vbody .vrow")`,
					"wards":         `document.querySelector(".standing tbody")`, "member": `document.querySelector("#story-id")`,
				} {
					p.open("/?#/" + page)
					p.waitFor(shown)
					p.screenshot("60-" + one.code + "-" + page[:4])
				}
			}
			p.choose(".language", "English")
			p.speaks("en", "Sign out")
			if kept := value[[]string](p, `Object.keys(localStorage)`); len(kept) != 1 || kept[0] != "rollcall-language" {
				t.Errorf("the page keeps %v", kept)
			}
		})
	}
}
