package privacy

import (
	"context"
	"errors"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/person"
	"rollcall.example/events/records"
)

// caseWorker is a process with the service privacy.
func (w *fixture) caseWorker(key *person.Key, answer func(context.Context, string) (*records.Verdict, error)) *Service {
	js := eventstest.Connect(w.t, w.nats, "privacy")
	return New(Config{
		Log: events.NewLog(js, "privacy", nil), Store: events.NewStore(js), DB: w.db,
		Cases: cases.NewLog(js, "privacy", nil), Key: key, Answer: answer,
	})
}

// A process is cut off in the middle of a case. The next one finishes it, and there is one
// completion, also when the first one comes back and goes on.
func TestACaseOfAKilledWorkerIsCompletedOnce(t *testing.T) {
	w := newFixture(t, Keep{})
	owner := eventstest.Connect(t, w.nats, eventstest.Owner)
	consumer, err := owner.Consumer(t.Context(), events.StreamCases, events.ConsumerCases)
	if err != nil {
		t.Fatal(err)
	}
	soon := consumer.CachedInfo().Config
	soon.AckWait = time.Second
	if _, err := owner.UpdateConsumer(t.Context(), events.StreamCases, soon); err != nil {
		t.Fatal(err)
	}
	key, err := person.NewKey(person.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	log, store := cases.NewLog(owner, "upload", nil), events.NewStore(owner)
	asked, err := log.Open(t.Context(), store, key, cases.Request{What: cases.Export, ID: "8001015009087",
		By: events.User{ID: "olga", Role: "information_officer"}, From: "127.0.0.1", Reason: "By letter."})
	if err != nil {
		t.Fatal(err)
	}

	begun, goOn := make(chan struct{}), make(chan struct{})
	first := w.caseWorker(key, func(context.Context, string) (*records.Verdict, error) {
		close(begun)
		<-goOn
		return nil, nil
	})
	// It holds the message and neither acknowledges it nor says that it still works.
	own, err := first.cfg.Log.JetStream().Consumer(t.Context(), events.StreamCases, events.ConsumerCases)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.Next(); err != nil {
		t.Fatal(err)
	}
	late := make(chan error, 1)
	go func() { late <- first.Work(context.WithoutCancel(t.Context()), asked.ID) }()
	<-begun

	ctx, stop := context.WithCancel(t.Context())
	next := w.caseWorker(key, nil)
	ended := make(chan error, 1)
	go func() { ended <- next.RunCases(ctx) }()
	deadline := time.After(time.Minute)
	for {
		c, err := log.Load(t.Context(), asked.ID)
		if err != nil {
			t.Fatal(err)
		}
		if c.Status == cases.Done {
			break
		}
		select {
		case <-deadline:
			t.Fatalf("the case is %s", c.Status)
		case <-time.After(20 * time.Millisecond):
		}
	}
	close(goOn)
	if err := <-late; !errors.Is(err, events.ErrConflict) {
		t.Errorf("the first one comes back: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	completed := 0
	for m, err := range events.Messages(t.Context(), owner, events.StreamCases, "case."+asked.ID+".>", 1) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Subject == cases.Subject(asked.ID, cases.KindCompleted) {
			completed++
		}
	}
	if completed != 1 {
		t.Errorf("%d completions", completed)
	}
	c, err := log.Load(t.Context(), asked.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadExport(t.Context(), store, key); err != nil {
		t.Errorf("the export that is named: %v", err)
	}
	if _, err := store.Fetch(t.Context(), asked.Requested.Number); !errors.Is(err, events.ErrMissing) {
		t.Errorf("the ID number is still there: %v", err)
	}
}
