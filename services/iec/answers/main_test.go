package answers

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, eventstest.IgnoreLeaks()...) }

// open opens the store as one more process does.
func open(t testing.TB, srv *embedded.Server, change ...func(*Store)) *Store {
	t.Helper()
	s, err := Open(eventstest.Connect(t, srv, "iec"), Config{Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for _, c := range change {
		c(s)
	}
	return s
}

func idOf(n int) string { return fmt.Sprintf("80010150%05d", n) }

var answeredAt = time.Now().Add(-time.Minute).UTC()

// verdictOf is what the IEC says about a person; there are 300 voting stations.
func verdictOf(n int) records.Verdict {
	at := answeredAt.Add(time.Duration(n) * time.Microsecond)
	if n%10 == 9 {
		return records.Verdict{Status: records.NotRegistered, At: at}
	}
	k := n % 300
	return records.Verdict{Status: records.Registered, VoterStatus: "Registered", Ward: fmt.Sprintf("798%05d", k/3),
		VD: fmt.Sprintf("328%05d", k), Station: fmt.Sprintf("EXAMPLE SCHOOL %d", k), MunicipalityCode: "JHB",
		Municipality: "City of Johannesburg", Province: "Gauteng", At: at}
}

// putAll keeps the answers about people from one number to another.
func putAll(t testing.TB, s *Store, from, to int) {
	t.Helper()
	next := make(chan int)
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			for n := range next {
				if err := s.Put(t.Context(), idOf(n), verdictOf(n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n := from; n < to; n++ {
		next <- n
	}
	close(next)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// checkAll compares the answers about people with what was put.
func checkAll(t testing.TB, s *Store, from, to int) {
	t.Helper()
	ids := make([]string, 0, to-from)
	for n := from; n < to; n++ {
		ids = append(ids, idOf(n))
	}
	list, _, err := s.GetMany(t.Context(), ids, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range list {
		if a.IsZero() {
			t.Fatalf("no answer about person %d", from+i)
		}
		if want := verdictOf(from + i); a.Verdict(0) != want {
			t.Fatalf("person %d: %+v, want %+v", from+i, a.Verdict(0), want)
		}
	}
}

func fold(t testing.TB, s *Store, all bool) {
	t.Helper()
	if err := s.Fold(t.Context(), all); err != nil {
		t.Fatal(err)
	}
}

// messages returns how many messages of a subject there are.
func messages(t testing.TB, srv *embedded.Server, stream, subject string) (n int) {
	t.Helper()
	js, err := eventstest.Connect(t, srv, eventstest.Owner).Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	info, err := js.Info(t.Context(), jetstream.WithSubjectFilter(subject))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range info.State.Subjects {
		n += int(k)
	}
	return n
}

// faultyJS calls fault before each publish; an error is what the publish returns.
type faultyJS struct {
	jetstream.JetStream
	fault func(subject string) (before, after error)
}

func (f faultyJS) PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (
	*jetstream.PubAck, error) {
	before, after := f.fault(m.Subject)
	if before != nil {
		return nil, before
	}
	ack, err := f.JetStream.PublishMsg(ctx, m, opts...)
	if after != nil {
		return nil, after
	}
	return ack, err
}

func (f faultyJS) Publish(ctx context.Context, subject string, data []byte, opts ...jetstream.PublishOpt) (
	*jetstream.PubAck, error) {
	return f.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: data}, opts...)
}

// setFault makes a store's publishes fail.
func setFault(s *Store, fault func(subject string) (before, after error)) {
	js := faultyJS{s.js, fault}
	s.js, s.log.js = js, js
	s.verdicts.js, s.stations.js, s.dictionary.keys.js, s.log.js = js, js, js, js
}

const answerKeys = "$KV." + events.KVVerdicts + ".>"
