package mail

import (
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/mail/mailtest"
	"rollcall.example/services/mail/settings"
)

// The uploader is told that the job waits and that it was declined, whoever may approve it
// that it waits, and nobody else anything.
func TestPeopleAreToldOfTheirJobs(t *testing.T) {
	r := newRig(t)
	r.wants(alice, settings.Wish{Jobs: true})
	r.wants(bob, settings.Wish{Jobs: true, Waiting: true})
	r.wants(carol, settings.Wish{Jobs: true})
	r.wants(events.User{ID: "dan", Role: "ward_admin"}, settings.Wish{Jobs: true})
	job := r.upload(alice, "Tak 8001015009087.xlsx")
	r.propose(&job)
	messages := r.waitMessages(2)
	r.append(&job, events.StageUpload, &events.Declined{By: bob, Reason: "Thabo Nkosi is twice in it."})
	messages = append(messages[:0:0], r.waitMessages(3)...)
	r.waitConsumed()
	r.waitStates(map[string]int{"sent": 3})
	got := map[string]bool{}
	for _, m := range messages {
		h, plain, rich := parts(t, m)
		got[m.To+" "+subject(t, h)] = true
		for what, text := range map[string]string{"text": plain, "HTML": rich, "message": string(m.Text)} {
			if events.HasID(text) || strings.Contains(text, "8001015009087") || strings.Contains(text, "Thabo") {
				t.Errorf("the %s names a person: %s", what, text)
			}
		}
		for _, want := range []string{"1,234", public + "/#/jobs/" + job.ID, "800101*****87"} {
			if !strings.Contains(plain, want) || !strings.Contains(rich, want) {
				t.Errorf("%q is missing: %s\n%s", want, plain, rich)
			}
		}
		if m.From != "rollcall@example.org" || h.Get("Auto-Submitted") != "auto-generated" || h.Get("Date") == "" {
			t.Errorf("%s: %v", m.From, h)
		}
	}
	want := map[string]bool{
		"alice@example.org Waiting for approval: Tak 800101*****87.xlsx":    true,
		"bob@example.org Waiting for your approval: Tak 800101*****87.xlsx": true,
		"alice@example.org Declined: Tak 800101*****87.xlsx":                true,
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if r.observed()[resultSent] != 3 {
		t.Errorf("observed %v", r.observed())
	}
}

// What an unsubscribe header says works by itself, and changes only the one setting.
func TestTheLinkOfAMessageEndsItsTopicOnly(t *testing.T) {
	r := newRig(t)
	r.wants(bob, settings.Wish{Jobs: true, Waiting: true})
	job := r.upload(alice, "roll.xlsx")
	r.propose(&job)
	h, plain, rich := parts(t, r.waitMessages(1)[0])
	link := strings.Trim(h.Get("List-Unsubscribe"), "<>")
	if h.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" || !strings.Contains(plain, link) ||
		!strings.Contains(rich, link) {
		t.Fatalf("%v %s", h, plain)
	}
	u, err := url.Parse(link)
	if err != nil || u.Host != "rollcall.example" || u.Path != UnsubscribePath {
		t.Fatalf("%s %v", link, err)
	}
	token := u.Query().Get("token")
	for range 2 {
		if topic, err := r.people.Unsubscribe(t.Context(), token); err != nil || topic != settings.Waiting {
			t.Fatalf("%s %v", topic, err)
		}
		who := access.Default().Identify(bob, access.Places{})
		if wish, _, err := r.people.Get(t.Context(), who); err != nil || wish != (settings.Wish{Jobs: true}) {
			t.Fatalf("%+v %v", wish, err)
		}
	}
	// Its signature is not good for the other topic.
	if _, err := r.people.Unsubscribe(t.Context(), strings.Replace(token, ".waiting.", ".jobs.", 1)); err == nil {
		t.Error("a changed link was taken")
	}
	other := r.upload(alice, "other.xlsx")
	r.propose(&other)
	r.waitConsumed()
	if n := len(r.smtp.Messages()); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// The server says 451 twice, at both steps where it may; then it takes the message.
func TestATemporaryRefusalIsTriedAgain(t *testing.T) {
	r := newRig(t)
	r.wants(alice, settings.Wish{Jobs: true})
	var asked sync.Map
	r.smtp.Refuse(func(step string) error {
		if _, before := asked.LoadOrStore(step, true); step != "taken" && !before {
			return mailtest.Temporary
		}
		return nil
	})
	job := r.upload(alice, "roll.xlsx")
	r.fail(&job)
	messages := r.waitMessages(1)
	r.waitStates(map[string]int{"sent": 1})
	h, _, _ := parts(t, messages[0])
	if got := r.observed(); got[resultRetried] != 2 || got[resultSent] != 1 || r.smtp.Tries() != 3 {
		t.Errorf("%v, %d tries", got, r.smtp.Tries())
	}
	if !strings.HasPrefix(h.Get("Message-ID"), "<"+fmt.Sprint(job.Seq)+".") {
		t.Errorf("Message-ID %s", h.Get("Message-ID"))
	}
}

// A message that the server refuses for good is given up, and the others go on.
func TestAPermanentRefusalIsGivenUp(t *testing.T) {
	r := newRig(t)
	r.wants(alice, settings.Wish{Jobs: true})
	var refused sync.Once
	r.smtp.Refuse(func(string) (err error) {
		refused.Do(func() { err = mailtest.Permanent })
		return err
	})
	for range 3 {
		job := r.upload(alice, "roll.xlsx")
		r.fail(&job)
	}
	r.waitStates(map[string]int{"sent": 2, "failed": 1})
	var code int
	if err := r.db.Get(&code, `SELECT code FROM mails WHERE state = 'failed'`); err != nil || code != 550 {
		t.Errorf("code %d, %v", code, err)
	}
}

// Whether a server has taken a message that it did not answer for is not known: nobody gets
// it twice.
func TestAMessageWithoutAnAnswerIsNotSentAgain(t *testing.T) {
	r := newRig(t)
	r.wants(alice, settings.Wish{Jobs: true})
	var dropped sync.Once
	r.smtp.Refuse(func(step string) (err error) {
		if step == "taken" {
			dropped.Do(func() { err = mailtest.ErrDrop })
		}
		return err
	})
	for range 2 {
		job := r.upload(alice, "roll.xlsx")
		r.fail(&job)
	}
	r.waitStates(map[string]int{"sent": 1, "unknown": 1})
	if n := len(r.smtp.Messages()); n != 2 {
		t.Errorf("%d messages", n)
	}
}

// A connection that is lost before the server has the message costs nothing.
func TestALostConnectionIsMadeAgain(t *testing.T) {
	r := newRig(t)
	r.wants(alice, settings.Wish{Jobs: true})
	var drops int
	r.smtp.Refuse(func(step string) error {
		if step == "rcpt" && drops < 2 {
			drops++
			return mailtest.ErrDrop
		}
		return nil
	})
	job := r.upload(alice, "roll.xlsx")
	r.fail(&job)
	r.waitStates(map[string]int{"sent": 1})
	if n := len(r.smtp.Messages()); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// While the server is away all events are taken from the log. What is due is sent once it is
// back, except for what is over: an approval that was given meanwhile.
func TestAnOutageHoldsUpNothingButMail(t *testing.T) {
	r := newRig(t)
	r.wants(alice, settings.Wish{Jobs: true})
	r.wants(bob, settings.Wish{Waiting: true})
	r.smtp.Stop()
	for range 20 {
		job := r.upload(alice, "roll.xlsx")
		r.fail(&job)
	}
	waiting := r.upload(alice, "roll.xlsx")
	r.propose(&waiting)
	r.append(&waiting, events.StageUpload, &events.Approved{By: carol})
	r.waitConsumed()
	eventstest.Wait(t, "the server to be missed", func() bool { return r.observed()[resultUnreachable] > 1 })
	if got := r.states(); got["pending"] != 22 {
		t.Fatalf("%v", got)
	}
	r.smtp.Resume()
	r.waitStates(map[string]int{"sent": 20, "dropped": 2})
	if n := len(r.smtp.Messages()); n != 20 {
		t.Errorf("%d messages", n)
	}
}

// Two processes share the messages, and an event that comes again finds its own.
func TestEachIsToldOnce(t *testing.T) {
	r := newRig(t)
	r.run()
	r.wants(alice, settings.Wish{Jobs: true})
	const n = 30
	for range n {
		job := r.upload(alice, "roll.xlsx")
		r.fail(&job)
	}
	r.waitStates(map[string]int{"sent": n})
	s := New(r.cfg)
	job := r.upload(alice, "roll.xlsx")
	r.fail(&job)
	r.waitStates(map[string]int{"sent": n + 1})
	list, err := s.log.Replay(t.Context(), job.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.insertMails(t.Context(), events.Delivery{Event: list[len(list)-1]}); err != nil {
		t.Fatal(err)
	}
	if got := r.states(); got["sent"] != n+1 || len(got) != 1 {
		t.Errorf("%v", got)
	}
	ids := map[string]bool{}
	for _, m := range r.smtp.Messages() {
		h, _, _ := parts(t, m)
		ids[h.Get("Message-ID")] = true
	}
	if len(ids) != n+1 || len(r.smtp.Messages()) != n+1 {
		t.Errorf("%d ids, %d messages", len(ids), len(r.smtp.Messages()))
	}
}

// A process dies after it has written down that it is sending.
func TestWhatADeadProcessWasSendingIsNotSentAgain(t *testing.T) {
	r := prepare(t, mailtest.Start(t))
	r.wants(alice, settings.Wish{Jobs: true})
	r.smtp.Stop()
	stop := r.run()
	for range 2 {
		job := r.upload(alice, "roll.xlsx")
		r.fail(&job)
	}
	r.waitStates(map[string]int{"pending": 2})
	stop()
	s := New(r.cfg)
	m, err := s.claim(t.Context())
	if err != nil || m == nil {
		t.Fatal(m, err)
	}
	if ours, err := s.markSending(t.Context(), m); err != nil || !ours {
		t.Fatal(ours, err)
	}
	if _, err := r.db.Exec(`UPDATE mails SET due_at = now() WHERE state = 'sending'`); err != nil {
		t.Fatal(err)
	}
	r.smtp.Resume()
	r.run()
	r.waitStates(map[string]int{"sent": 1, "unknown": 1})
}

// Nobody is told of what was before they asked for it, of what they did themselves, after
// they have switched it off, or when nobody has looked at the settings for long.
func TestWhoIsNotTold(t *testing.T) {
	r := newRig(t)
	before := r.upload(alice, "before.xlsx")
	r.fail(&before)
	r.waitConsumed()
	r.wants(alice, settings.Wish{Jobs: true})
	own := r.upload(alice, "own.xlsx")
	r.append(&own, events.StageUpload, &events.Cancelled{Stage: events.StageValidation, By: alice})
	r.wants(bob, settings.Wish{Jobs: true, Waiting: true})
	r.wants(bob, settings.Wish{})
	waiting := r.upload(carol, "waiting.xlsx")
	r.propose(&waiting)
	r.waitConsumed()
	if _, err := r.db.Exec(`UPDATE notifications SET seen_at = now() - interval '91 days'`); err != nil {
		t.Fatal(err)
	}
	late := r.upload(alice, "late.xlsx")
	r.fail(&late)
	r.waitConsumed()
	if got := r.states(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	New(r.cfg).sweep(t.Context())
	var n int
	if err := r.db.Get(&n, `SELECT count(*) FROM notifications`); err != nil || n != 0 {
		t.Errorf("%d settings, %v", n, err)
	}
}

// How long ago an event was is said by the clock that the service is given, not by the
// machine's: one that is a day ahead would have nobody told of anything.
func TestAnEventOfLongAgoIsToldToNobody(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(25 * time.Hour) } })
	r.wants(alice, settings.Wish{Jobs: true})
	job := r.upload(alice, "roll.xlsx")
	r.fail(&job)
	r.waitConsumed()
	if got := r.states(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// What could not be sent for a day is given up.
func TestLateMessagesAreGivenUp(t *testing.T) {
	r := newRig(t)
	r.smtp.Stop()
	r.wants(alice, settings.Wish{Jobs: true})
	job := r.upload(alice, "roll.xlsx")
	r.fail(&job)
	r.waitStates(map[string]int{"pending": 1})
	if _, err := r.db.Exec(`UPDATE mails SET event_at = now() - interval '25 hours'`); err != nil {
		t.Fatal(err)
	}
	r.waitStates(map[string]int{"failed": 1})
	r.smtp.Resume()
	if n := len(r.smtp.Messages()); n != 0 {
		t.Errorf("%d messages", n)
	}
}

// A server that cannot be trusted, or does not take the password, gets nothing.
func TestTheServerIsCheckedBeforeAnythingIsSent(t *testing.T) {
	starttls, implicit := mailtest.Start(t), mailtest.StartImplicit(t)
	of := func(s *mailtest.Server, change func(*Server)) *Server {
		server := &Server{Addr: s.Addr, From: "rollcall@example.org", User: mailtest.User, Password: mailtest.Password,
			CA: s.CA, Timeout: 5 * time.Second}
		change(server)
		return server
	}
	for what, c := range map[string]struct {
		server *Server
		fine   bool
	}{
		"STARTTLS":       {of(starttls, func(*Server) {}), true},
		"implicit TLS":   {of(implicit, func(s *Server) { s.TLS = TLSImplicit }), true},
		"other CA":       {of(starttls, func(s *Server) { s.CA = implicit.CA }), false},
		"wrong password": {of(starttls, func(s *Server) { s.Password = "wrong" }), false},
		"no STARTTLS":    {of(implicit, func(*Server) {}), false},
	} {
		err := c.server.Check(t.Context())
		if (err == nil) != c.fine {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && strings.Contains(err.Error(), mailtest.Password) {
			t.Errorf("%s: the error has the password: %v", what, err)
		}
	}
}
