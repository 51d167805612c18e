package gateway_test

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway"
)

// expire completes a job, says that its time is over and removes it from the stream.
func (r *rig) expire(job *events.Job) {
	r.t.Helper()
	for job.Next() != "" {
		r.step(job)
	}
	log := events.NewLog(eventstest.Connect(r.t, r.nats, "privacy"), "privacy", nil)
	eventstest.Append(r.t, log, job, &events.Erased{Reason: events.ErasedExpired, Status: job.Status,
		Removed: job.Artifacts()})
	eventstest.Wait(r.t, "the erasure to go out", func() bool { return r.gw.Routed() >= job.Seq })
	if err := log.PurgeJob(r.t.Context(), job.ID); err != nil {
		r.t.Fatal(err)
	}
}

// An old job is forgotten, and its events were the newest. The stream then ends before
// the feed does, for as long as nothing else happens. It is still the same stream.
func TestForgettingTheNewestJobThrowsNobodyOut(t *testing.T) {
	var looks atomic.Int32
	r := newRig(t, func(c *gateway.Config) { c.CheckInterval = 5 * time.Millisecond })
	js := eventstest.Connect(t, r.nats, eventstest.Owner)
	other, job := r.upload("bob"), r.upload("alice")
	r.expire(&job)

	// One that starts now has never seen the events that are gone.
	_, url, _ := startGateway(t, r.nats, func(c *gateway.Config) {
		c.JetStream, c.CheckInterval = js, 5*time.Millisecond
	})
	sub, err := js.Conn().Subscribe("$JS.API.DIRECT.GET."+events.StreamFacts, func(*nats.Msg) { looks.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection ends with the test
	var clients []*socket
	for _, url := range []string{r.url, url} {
		s := dial(t, url, mintToken(t, "bob", "member", time.Hour))
		s.subscribe(other.ID, job.Seq) // the newest that a client has seen
		s.want("ack")
		clients = append(clients, s)
	}
	before := looks.Load()
	eventstest.Wait(t, "a hundred looks", func() bool { return looks.Load() > before+100 })
	r.step(&other)
	for _, s := range clients {
		if f := s.want("bulk_upload_progress"); f.Seq != other.Seq {
			t.Errorf("%s", f.raw)
		}
	}
}

// The newest job was the last one. Nothing is left in the stream.
func TestForgettingTheLastJobThrowsNobodyOut(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.CheckInterval = 5 * time.Millisecond })
	job := r.upload("bob")
	s := dial(t, r.url, mintToken(t, "bob", "member", time.Hour))
	r.expire(&job)
	time.Sleep(40 * 5 * time.Millisecond) // 30 looks were too many
	next := r.upload("bob")
	for {
		f, err := s.next()
		if err != nil {
			t.Fatal(err)
		}
		if f.Seq == next.Seq {
			break
		}
	}
}

// A newer stage stores a fact in a shape that this gateway does not know. Whoever would
// have got it is sent away, to come back to a newer gateway. Nobody gets what follows,
// because who has seen that would never ask for the fact again.
func TestWhoWouldGetANewerFactIsSentToANewerGateway(t *testing.T) {
	r := newRig(t)
	job, other := r.upload("alice"), r.upload("bob")
	watcher := dial(t, r.url, mintToken(t, "root", "super_admin", time.Hour))
	watcher.subscribe(job.ID, 0)
	watcher.want("ack")
	watcher.want("bulk_upload_progress")
	owner := dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	bob := dial(t, r.url, mintToken(t, "bob", "member", time.Hour))

	seq := eventstest.AppendNewer(t, r.nats, job)
	for who, s := range map[string]*socket{"who follows the job": watcher, "its owner": owner} {
		if code := s.closeCode(); code != refusal.CloseRestart {
			t.Errorf("%s: closed with %d", who, code)
		}
	}
	eventstest.Wait(t, "the fact to pass", func() bool { return r.gw.Routed() >= seq })
	r.step(&other)
	if f := bob.want("bulk_upload_progress"); f.Seq != other.Seq {
		t.Errorf("somebody else: %s", f.raw)
	}
	// Back at this gateway, which is still the old one.
	owner = dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	owner.subscribe(job.ID, job.Seq)
	if f := owner.want("error"); f.Data["code"] != refusal.CodeOverloaded {
		t.Errorf("%s", f.raw)
	}
	job.Seq = seq
	eventstest.Append(t, r.logs[events.StageUpload], &job, &events.Cancelled{Stage: job.Stage, By: job.Owner})
	another := r.upload("alice")
	if f := owner.want("bulk_upload_progress"); f.Seq != another.Seq {
		t.Errorf("a fact after the one that is not known: %s", f.raw)
	}
}

// What a gateway asks the server each second costs nothing, however many jobs there are:
// no request goes through the subjects. Who sends a sequence that does not exist has it
// asked once.
func TestALookAtTheStreamGoesThroughNoSubjects(t *testing.T) {
	var all, wide atomic.Int32
	r := newRig(t)
	js := eventstest.Connect(t, r.nats, eventstest.Owner)
	job := r.upload("alice")
	r.stop() // its requests would be counted
	_, url, _ := startGateway(t, r.nats, func(c *gateway.Config) { c.JetStream = js })
	sub, err := js.Conn().Subscribe("$JS.API.DIRECT.GET."+events.StreamFacts, func(m *nats.Msg) {
		var req struct {
			Last string `json:"last_by_subj"`
			Next string `json:"next_by_subj"`
		}
		err := json.Unmarshal(m.Data, &req)
		switch filter := req.Last + req.Next; {
		case err == nil && (filter == events.AllSubjects || filter == events.JobFilter(job.ID)):
		case strings.ContainsAny(filter, "*>"):
			wide.Add(1)
		}
		all.Add(1)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection ends with the test
	eventstest.Wait(t, "ten looks", func() bool { return all.Load() > 10 })
	s := dial(t, url, mintToken(t, "alice", "member", time.Hour))
	before := all.Load()
	began := time.Now()
	s.subscribe(job.ID, 1<<50)
	if code := s.closeCode(); code != refusal.CloseStreamReset {
		t.Errorf("closed with %d", code)
	}
	looks := int32(time.Since(began)/(50*time.Millisecond)) + 2
	if n := all.Load() - before; n > looks+3 {
		t.Errorf("%d requests for one sequence, and %d looks", n, looks)
	}
	if n := wide.Load(); n > 0 {
		t.Errorf("%d of %d requests went through the subjects", n, all.Load())
	}
}
