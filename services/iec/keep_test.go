package iec

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/iec/answers"
	"rollcall.example/services/iec/sim"
)

// stuckJS stores no answer before it is let go.
type stuckJS struct {
	jetstream.JetStream
	letGo chan struct{}
}

func (s stuckJS) PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if m.Subject == events.SubjectAnswers {
		<-s.letGo
	}
	return s.JetStream.PublishMsg(context.WithoutCancel(ctx), m, opts...)
}

// A process that dies loses the answers that are not stored yet: no more than it has calls
// in progress and a third more, however slow NATS is.
func TestFewAnswersWaitToBeStored(t *testing.T) {
	const concurrency = 6
	letGo := make(chan struct{})
	r := newStage(t, sim.Config{})
	stuck, err := answers.Open(stuckJS{r.connect(t, "iec"), letGo}, answers.Config{Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stuck.Close)
	r.addReplica(t, 10_000, func(c *Config) { c.Concurrency, c.Answers = concurrency, stuck })
	people := makeIDs(60)
	job := r.addJob(t, people, events.Options{})
	calls, since := 0, time.Now()
	eventstest.Wait(t, "no more calls", func() bool {
		if n := r.sim.Stats().Calls; n != calls {
			calls, since = n, time.Now()
		}
		return calls > 0 && time.Since(since) > 300*time.Millisecond
	})
	if calls != concurrency+concurrency/3 {
		t.Errorf("%d calls were made while no answer could be stored, with %d at once", calls, concurrency)
	}
	close(letGo)
	r.checkVerdicts(t, r.waitVerified(t, job.ID), people)
	if n := r.sim.Stats().Calls; n != len(people) {
		t.Errorf("%d calls about %d people", n, len(people))
	}
}
