package gateway_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/gateway"
)

// newHistoryRig returns a rig and the one connection over which its gateway reads
// histories.
func newHistoryRig(t *testing.T, change ...func(*gateway.Config)) (*rig, jetstream.JetStream) {
	t.Helper()
	r := newRig(t)
	js := eventstest.Connect(t, r.nats, "gateway")
	r.gw, r.url, r.stop = startGateway(t, r.nats, append(change,
		func(c *gateway.Config) { c.History = []jetstream.JetStream{js} })...)
	return r, js
}

func TestHistoryIsReadOnceForAllClients(t *testing.T) {
	r, js := newHistoryRig(t)
	job := r.upload("alice")
	r.step(&job)
	token := mintToken(t, "carol", "national_admin", time.Hour)
	eventstest.Wait(t, "the facts to go out", func() bool { return r.gw.Routed() >= job.Seq })
	var crowd sync.WaitGroup
	for range 30 {
		crowd.Go(func() {
			s := dial(t, r.url, token)
			s.subscribe(job.ID, 0)
			for _, event := range []string{"ack", "bulk_upload_progress", "bulk_upload_progress"} {
				if f, err := s.next(); err != nil || f.Event != event {
					t.Errorf("want %s, got %s, %v", event, f.raw, err)
				}
			}
		})
	}
	crowd.Wait()
	// One request for the facts and one for the progress.
	if n := js.Conn().Stats().OutMsgs; n != 2 {
		t.Errorf("%d requests", n)
	}
}

// A history that was read before comes again with the facts and progress since then.
func TestKeptHistoryHasTheNewestFacts(t *testing.T) {
	r, _ := newHistoryRig(t)
	job := r.upload("alice")
	token := mintToken(t, "carol", "national_admin", time.Hour)
	first := dial(t, r.url, token)
	first.subscribe(job.ID, 0)
	first.want("ack")
	first.want("bulk_upload_progress")
	p := events.Progress{Service: events.StageValidation, Step: events.FileReading, Percent: 13,
		Status: events.StatusProcessing, Trigger: job.Trigger}
	if err := r.logs[events.StageValidation].SetProgress(t.Context(), &job, p); err != nil {
		t.Fatal(err)
	}
	first.want("bulk_upload_progress")
	second := dial(t, r.url, token)
	second.subscribe(job.ID, 0)
	second.want("ack")
	second.want("bulk_upload_progress")
	if f := second.want("bulk_upload_progress"); f.Seq != 0 || f.Data["progress"] != 13.0 {
		t.Fatalf("progress: %s", f.raw)
	}
	r.step(&job)
	first.want("bulk_upload_progress")
	third := dial(t, r.url, token)
	third.subscribe(job.ID, 0)
	if ack := third.want("ack"); ack.Data["last_seq"] != float64(job.Seq) {
		t.Fatalf("ack: %s", ack.raw)
	}
	third.want("bulk_upload_progress")
	if f := third.want("bulk_upload_progress"); f.Seq != job.Seq {
		t.Fatalf("the new fact: %s", f.raw)
	}
}

// A history that is kept grows with its job, and says what one says that is read anew.
func TestKeptHistoryIsNotReadAgain(t *testing.T) {
	r, js := newHistoryRig(t)
	job := r.upload("alice")
	token := mintToken(t, "carol", "national_admin", time.Hour)
	watcher := dial(t, r.url, token)
	watcher.subscribe(job.ID, 0)
	watcher.want("ack")
	watcher.want("bulk_upload_progress")
	asked := js.Conn().Stats().OutMsgs
	steer := r.logs[events.StageUpload]
	eventstest.Append(t, steer, &job, &events.Cancelled{Stage: job.Stage, By: job.Owner})
	eventstest.Append(t, steer, &job, &events.Retried{Stage: job.Stage, By: job.Owner})
	for job.Next() != "" {
		r.step(&job)
	}
	eventstest.Wait(t, "the facts to go out", func() bool { return r.gw.Routed() >= job.Seq })
	history := func(url string) (all []string) {
		s := dial(t, url, token)
		s.subscribe(job.ID, 0)
		for len(all) < 8 { // the acknowledgement and the facts
			f, err := s.next()
			if err != nil {
				t.Fatalf("after %q: %v", all, err)
			}
			all = append(all, f.raw)
		}
		return all
	}
	kept := history(r.url)
	if n := js.Conn().Stats().OutMsgs; n != asked {
		t.Errorf("%d more requests", n-asked)
	}
	_, url, _ := startGateway(t, r.nats)
	if anew := history(url); !slices.Equal(kept, anew) {
		t.Errorf("kept\n%q\nread anew\n%q", kept, anew)
	}
}

// A history longer than a batch, and longer than the queue, arrives whole while the job
// goes on.
func TestLongHistoryIsSentWhole(t *testing.T) {
	r, _ := newHistoryRig(t, func(c *gateway.Config) { c.Queue = 64 })
	job := r.upload("alice")
	want := []uint64{job.Seq}
	cancelAndRetry := func() {
		eventstest.Append(t, r.logs[events.StageUpload], &job, &events.Cancelled{Stage: job.Stage, By: job.Owner})
		want = append(want, job.Seq)
		eventstest.Append(t, r.logs[events.StageUpload], &job, &events.Retried{Stage: job.Stage, By: job.Owner})
		want = append(want, job.Seq)
	}
	for range 300 {
		cancelAndRetry()
	}
	s := dial(t, r.url, mintToken(t, "carol", "national_admin", time.Hour))
	s.subscribe(job.ID, 0)
	s.want("ack")
	for range 10 {
		cancelAndRetry()
	}
	var got []uint64
	for len(got) < len(want) {
		f, err := s.next()
		if err != nil {
			t.Fatalf("after %d of %d facts: %v", len(got), len(want), err)
		}
		if f.Seq > 0 {
			got = append(got, f.Seq)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestHistoryThatCannotBeReadIsRefused(t *testing.T) {
	r, js := newHistoryRig(t)
	job := r.upload("alice")
	s := dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	js.Conn().Close()
	s.subscribe(job.ID, 0)
	if f := s.want("error"); f.Data["code"] != "overloaded" || string(f.ID) != `"`+job.ID+`"` {
		t.Fatalf("%s", f.raw)
	}
	s.send("ping", nil, 1)
	s.want("pong") // it may try again on the same connection
}

func TestPageOfAnAllowedOriginCanConnect(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.Origins = []string{"console.example"} })
	header := map[string][]string{"Origin": {"https://console.example"}}
	for _, path := range []string{"/", enginePath} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		ws, _, err := websocket.Dial(ctx, r.url+path, &websocket.DialOptions{HTTPHeader: header})
		cancel()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if err := ws.CloseNow(); err != nil {
			t.Error(err)
		}
	}
}

// A stage has told of its progress before it proposed. Whoever comes later sees that the
// job waits, and not that the stage is at work.
func TestProgressBeforeAProposalIsOutdated(t *testing.T) {
	r := newRig(t)
	job := r.upload("alice")
	r.step(&job)
	r.step(&job)
	persistence := r.logs[events.StagePersistence]
	p := events.Progress{Service: events.StagePersistence, Step: events.DatabaseOperations, Percent: 65,
		Status: events.StatusProcessing, Trigger: job.Trigger}
	if err := persistence.SetProgress(t.Context(), &job, p); err != nil {
		t.Fatal(err)
	}
	eventstest.Append(t, persistence, &job, proposal(events.ProposedNoWrite))
	alice := dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	alice.subscribe(job.ID, 0)
	alice.want("ack")
	for range 4 {
		if f := alice.want("bulk_upload_progress"); f.Seq == 0 {
			t.Errorf("progress: %s", f.raw)
		} else if f.Seq == job.Seq && f.Data["status"] != "awaiting_approval" {
			t.Errorf("the last fact: %s", f.raw)
		}
	}
	alice.send("ping", nil, 1)
	alice.want("pong")
}
