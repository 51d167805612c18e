package main

import (
	"strings"
	"testing"

	"rollcall.example/services/mail/mailtest"
)

// standIn stands in for what a browser shows outside of the page, which no test can see. As
// the browser's own it is given its permission once somebody has asked for it.
const standIn = `(() => {
  window.shown = [];
  window.Notification = class {
    static permission = "default";
    static async requestPermission() { return (this.permission = window.answer); }
    constructor(title, options) { window.shown.push(title + ": " + options.body); window.last = this; }
    close() {}
  };
  Object.defineProperty(document, "hidden", { configurable: true, get: () => !!window.away });
  return true;
})()`

// A person switches e-mail and notifications on in the console, and is told of a job by both.
func TestConsoleTellsWhoLooksElsewhere(t *testing.T) {
	smtp := mailtest.Start(t)
	p := rollcall(t, []string{"ROLLCALL_SMTP_PASSWORD=" + mailtest.Password},
		"up", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--jwt-secret", secret,
		"--smtp-addr", smtp.Addr, "--smtp-from", "rollcall@example.org", "--smtp-user", mailtest.User, "--smtp-ca", smtp.CA,
		"--public-url", "https://rollcall.example")
	p.waitHealthy()
	for name, open := range browsers {
		t.Run(name, func(t *testing.T) {
			user := "alice-" + name
			alice := strings.TrimSpace(mustRun(t, "token", "--user", user, "--role", "member", "--secret", secret,
				"--email", user+"@example.org"))
			b := open(t, p.url())
			b.open("/#token=" + alice)
			b.waitForText("To " + user + "@example.org, the address of your sign-in.")
			b.waitFor(`document.querySelector(".quota > p").innerText !== ""`) // it moves what stands below it
			b.waitForText("No jobs yet")
			if !b.isTrue(standIn) || !b.isTrue(`!document.querySelector("#notices-waiting").checkVisibility()`) {
				t.Error("somebody who may not approve is asked about approvals")
			}
			b.clickOn(`document.querySelector("#notices-jobs")`)
			b.waitFor(`document.querySelector("#notices-jobs").checked`)
			// A browser that does not permit it is told of in words.
			b.isTrue(`(window.answer = "denied", true)`)
			b.clickOn(`document.querySelector("#notices-browser")`)
			b.waitForText("This browser does not let this page notify you.")
			if b.isTrue(`document.querySelector("#notices-browser").checked`) {
				t.Error("the switch says what is not so")
			}
			b.screenshot("50-notices-denied")
			b.isTrue(`(Notification.permission = "default", window.answer = "granted", true)`)
			b.clickOn(`document.querySelector("#notices-browser")`)
			b.waitFor(`document.querySelector("#notices-browser").checked`)
			b.waitFor(`!document.body.innerText.includes("This browser does not let")`)
			b.screenshot("51-notices")

			b.isTrue(`(window.away = true)`)
			job := jobIDs.FindString(mustRun(t, "upload", sampleFile(t), "--server", p.url(), "--token", alice))
			b.waitFor(`window.shown.some((s) => s.startsWith("Completed"))`)
			b.waitFor(`window.shown.length === 1`)
			b.isTrue(`(window.last.onclick(), true)`)
			b.waitFor(`location.hash === "#/jobs/` + job + `"`)
			p.wait("the e-mail", func() bool {
				for _, m := range smtp.Messages() {
					if m.To == user+"@example.org" && strings.Contains(string(m.Text), "Subject: Complete: roll-500.xlsx") {
						return true
					}
				}
				return false
			})
			// It stays so when the page is loaded again, and is switched off in the terminal.
			if got := mustRun(t, "notifications", "--no-jobs", "--server", p.url(), "--token", alice); !strings.Contains(got,
				user+"@example.org") || !strings.Contains(got, "jobs     off") {
				t.Errorf("%s", got)
			}
			b.open("/?again#/")
			b.waitFor(`document.querySelector("#notices-jobs") && !document.querySelector("#notices-jobs").checked`)
			b.waitForText("To " + user + "@example.org")
		})
	}
}
