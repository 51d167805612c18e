package events_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// Many who read at once over one connection get each their own messages, over one subscription.
func TestReadersOfOneConnectionShareASubscription(t *testing.T) {
	srv := eventstest.Start(t)
	upload := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	jobs := make([]events.Job, 20)
	for i := range jobs {
		jobs[i] = eventstest.Upload(t, upload, events.User{ID: fmt.Sprint(i)}, events.Artifact{}, events.Options{})
	}
	js := eventstest.Connect(t, srv, "gateway")
	log := events.NewLog(js, "gateway", nil)
	if _, err := log.Replay(t.Context(), jobs[0].ID, 0); err != nil {
		t.Fatal(err)
	}
	before := js.Conn().NumSubscriptions()
	var all sync.WaitGroup
	for round := range 200 {
		job := jobs[round%len(jobs)]
		all.Go(func() {
			list, err := log.Replay(t.Context(), job.ID, 0)
			if err != nil || len(list) != 1 || list[0].JobID != job.ID || list[0].Owner != job.Owner.ID {
				t.Errorf("job %s: %+v, %v", job.ID, list, err)
			}
		})
	}
	all.Wait()
	if n := js.Conn().NumSubscriptions(); n != before {
		t.Errorf("%d subscriptions, %d before", n, before)
	}
}

// A reader whom nobody answers ends with its context, or with its connection.
func TestAReaderWithoutAnAnswerEnds(t *testing.T) {
	srv := eventstest.Start(t)
	asked := make(chan *nats.Msg, 1)
	if _, err := eventstest.Connect(t, srv, eventstest.Owner).Conn().
		ChanSubscribe("$JS.API.DIRECT.GET.SILENT", asked); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		end  func(nc *nats.Conn, cancel func())
		want error
	}{
		"cancelled":  {func(_ *nats.Conn, cancel func()) { cancel() }, context.Canceled},
		"closed":     {func(nc *nats.Conn, _ func()) { nc.Close() }, nats.ErrConnectionClosed},
		"timed out":  {func(*nats.Conn, func()) {}, events.ErrIncomplete},
		"time is up": {func(*nats.Conn, func()) {}, context.DeadlineExceeded},
	} {
		js := eventstest.Connect(t, srv, eventstest.Owner)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		go func() {
			<-asked
			tt.end(js.Conn(), cancel)
		}()
		_, _, err := events.ReadBatch(ctx, js, "SILENT", events.AllSubjects, 1)
		cancel()
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
