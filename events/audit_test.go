package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
)

func anAccess(n int) events.Access {
	return events.Access{JobID: events.NewJobID(), What: events.AccessReport, At: time.Now().UTC(),
		By: events.User{ID: fmt.Sprint("user", n), Role: "member"}}
}

// auditedServer is a server whose audit has n messages, written by turns by two
// processes.
func auditedServer(t *testing.T, n int) *embedded.Server {
	t.Helper()
	srv := eventstest.Start(t)
	first := events.NewAuditor(eventstest.Connect(t, srv, "upload"))
	second := events.NewAuditor(eventstest.Connect(t, srv, "privacy"))
	for i := range n {
		w, a := first, anAccess(i)
		if i%2 == 1 {
			w, a.What = second, events.AccessErasure
		}
		if err := w.Write(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	return srv
}

func verifyAudit(t *testing.T, js jetstream.JetStream, heads ...events.AuditLink) events.AuditChain {
	t.Helper()
	chain, err := events.VerifyAudit(t.Context(), js, heads)
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

func TestAWholeAuditIsProvedWhole(t *testing.T) {
	srv := auditedServer(t, 9)
	js := eventstest.Connect(t, srv, "operator")
	head, err := events.AuditHead(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	written, err := events.ParseAuditLink(head.String())
	if err != nil {
		t.Fatal(err)
	}
	chain := verifyAudit(t, js, written)
	if len(chain.Faults) > 0 || chain.Messages != 9 || chain.Unchained != 0 || chain.Heads != 1 || chain.Began ||
		chain.First.Seq != 1 || chain.Head != head {
		t.Errorf("%+v", chain)
	}
	for _, text := range []string{"", "1", "x:" + head.SHA256, "1:abc"} {
		if l, err := events.ParseAuditLink(text); err == nil {
			t.Errorf("%q is %v", text, l)
		}
	}
}

// rewrite stores the audit's messages again on a stream of the same name, as change
// has them. A nil body leaves a hole.
func rewrite(t *testing.T, srv *embedded.Server, change func(subjects []string, bodies [][]byte) ([]string, [][]byte)) {
	t.Helper()
	js := eventstest.Connect(t, srv, eventstest.Owner)
	var subjects []string
	var bodies [][]byte
	for m, err := range events.Messages(t.Context(), eventstest.Connect(t, srv, "operator"), events.StreamAudit,
		"audit.>", 1) {
		if err != nil {
			t.Fatal(err)
		}
		subjects, bodies = append(subjects, m.Subject), append(bodies, m.Data)
	}
	stream, err := js.Stream(t.Context(), events.StreamAudit)
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	if err := js.DeleteStream(t.Context(), events.StreamAudit); err != nil {
		t.Fatal(err)
	}
	config.DenyDelete = false
	if stream, err = js.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	subjects, bodies = change(subjects, bodies)
	upload, privacy := eventstest.Connect(t, srv, "upload"), eventstest.Connect(t, srv, "privacy")
	for i, body := range bodies {
		data := body
		if data == nil {
			data = []byte("{}")
		}
		as := upload
		if strings.HasSuffix(subjects[i], string(events.AccessErasure)) {
			as = privacy
		}
		ack, err := as.Publish(t.Context(), subjects[i], data)
		if err != nil {
			t.Fatal(err)
		}
		if body == nil {
			if err := stream.DeleteMsg(t.Context(), ack.Sequence); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestWhateverIsDoneToTheAuditIsFound(t *testing.T) {
	type messages = [][]byte
	for name, c := range map[string]struct {
		change func([]string, messages) ([]string, messages)
		// head says that only a known head tells.
		head bool
	}{
		"one is removed": {change: func(s []string, b messages) ([]string, messages) { b[4] = nil; return s, b }},
		"one is taken out and the others close up": {change: func(s []string, b messages) ([]string, messages) {
			return append(s[:4], s[5:]...), append(b[:4], b[5:]...)
		}},
		"one is altered": {change: func(s []string, b messages) ([]string, messages) {
			b[4] = []byte(strings.Replace(string(b[4]), "user4", "user5", 1))
			return s, b
		}},
		"the subject of one is altered": {change: func(s []string, b messages) ([]string, messages) {
			s[4] = events.AuditSubject(events.NewJobID(), events.AccessReport)
			return s, b
		}},
		"two are exchanged": {change: func(s []string, b messages) ([]string, messages) {
			b[2], b[4], s[2], s[4] = b[4], b[2], s[4], s[2]
			return s, b
		}},
		"one is put in": {change: func(s []string, b messages) ([]string, messages) {
			return append(s[:5], s[4:]...), append(b[:5], b[4:]...)
		}},
		"one of the old kind is put in": {change: func(s []string, b messages) ([]string, messages) {
			a := anAccess(99)
			body, _ := json.Marshal(a)
			s = append(s[:5], append([]string{events.AuditSubject(a.JobID, a.What)}, s[5:]...)...)
			return s, append(b[:5], append(messages{body}, b[5:]...)...)
		}},
		"the beginning is removed": {change: func(s []string, b messages) ([]string, messages) {
			b[0], b[1] = nil, nil
			return s, b
		}},
		"the last one is removed": {change: func(s []string, b messages) ([]string, messages) {
			b[len(b)-1] = nil
			return s, b
		}},
		"the last ones were never there": {head: true, change: func(s []string, b messages) ([]string, messages) {
			return s[:6], b[:6]
		}},
		"the last one is altered": {head: true, change: func(s []string, b messages) ([]string, messages) {
			b[8] = []byte(strings.Replace(string(b[8]), "user8", "user1", 1))
			return s, b
		}},
		"all are gone": {head: true, change: func([]string, messages) ([]string, messages) { return nil, nil }},
	} {
		t.Run(name, func(t *testing.T) {
			srv := auditedServer(t, 9)
			js := eventstest.Connect(t, srv, "operator")
			head, err := events.AuditHead(t.Context(), js)
			if err != nil {
				t.Fatal(err)
			}
			rewrite(t, srv, c.change)
			js = eventstest.Connect(t, srv, "operator")
			if chain := verifyAudit(t, js); (len(chain.Faults) == 0) != c.head {
				t.Errorf("without a head: %+v", chain)
			}
			if chain := verifyAudit(t, js, head); len(chain.Faults) == 0 {
				t.Errorf("with the head: %+v", chain)
			}
		})
	}
}

// Messages that are kept no longer leave a chain that begins later, and says so. Those
// of the first versions are counted.
func TestTheChainBeginsAtTheFirstMessageThatIsKept(t *testing.T) {
	srv := eventstest.Start(t)
	upload := eventstest.Connect(t, srv, "upload")
	for i := range 2 { // by an old version
		a := anAccess(i)
		body, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := upload.Publish(t.Context(), events.AuditSubject(a.JobID, a.What), body); err != nil {
			t.Fatal(err)
		}
	}
	auditor := events.NewAuditor(upload)
	write := func() {
		t.Helper()
		if err := auditor.Write(t.Context(), anAccess(3)); err != nil {
			t.Fatal(err)
		}
	}
	write()
	write()
	js := eventstest.Connect(t, srv, "operator")
	if chain := verifyAudit(t, js); len(chain.Faults) > 0 || chain.Unchained != 2 || chain.Messages != 4 {
		t.Errorf("%+v", chain)
	}
	const age = 300 * time.Millisecond
	keeper := eventstest.Connect(t, srv, "auditor")
	if err := events.ProvisionAudit(t.Context(), keeper, events.ProvisionConfig{AuditAge: age}); err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), events.StreamAudit)
	if err != nil {
		t.Fatal(err)
	}
	eventstest.Wait(t, "the audit to expire", func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.State.Msgs == 0
	})
	if chain := verifyAudit(t, js); len(chain.Faults) > 0 || chain.Messages != 0 {
		t.Errorf("empty: %+v", chain)
	}
	auditor = events.NewAuditor(upload)
	write()
	if chain := verifyAudit(t, js); len(chain.Faults) > 0 || !chain.Began || chain.First.Seq != 5 {
		t.Errorf("after its age: %+v", chain)
	}
}

// Several processes write at once. Nothing is lost and the chain is whole.
func TestWritersOfTheAuditTakeTurns(t *testing.T) {
	srv := eventstest.Start(t)
	const writers, each = 4, 25
	var group sync.WaitGroup
	for range writers {
		auditor := events.NewAuditor(eventstest.Connect(t, srv, "upload"))
		for range 2 {
			group.Go(func() {
				for i := range each {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					if err := auditor.Write(ctx, anAccess(i)); err != nil {
						t.Error(err)
					}
					cancel()
				}
			})
		}
	}
	group.Wait()
	chain := verifyAudit(t, eventstest.Connect(t, srv, "operator"))
	if len(chain.Faults) > 0 || chain.Messages != writers*2*each {
		t.Errorf("%+v", chain)
	}
}

// BenchmarkAudit measures accesses from four processes at once.
func BenchmarkAudit(b *testing.B) {
	srv := eventstest.Start(b)
	const writers = 4
	var group sync.WaitGroup
	for range writers {
		auditor := events.NewAuditor(eventstest.Connect(b, srv, "upload"))
		group.Go(func() {
			for i := range b.N / writers {
				if err := auditor.Write(b.Context(), anAccess(i)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accesses/s")
}
