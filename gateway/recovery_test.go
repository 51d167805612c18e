package gateway_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// recoverer is a client that keeps pid and offset as the official one does.
type recoverer struct {
	t           *testing.T
	s           session
	pid, offset string
}

// connect connects again, as the official client does after its connection was lost.
func (r *recoverer) connect(s session, token string) {
	r.t.Helper()
	r.s = s
	s.put(fmt.Sprintf(`40{"token":%q,"pid":%q,"offset":%q}`, token, r.pid, r.offset))
	var ack struct{ SID, PID string }
	if text := s.take(false); !strings.HasPrefix(text, "40{") || json.Unmarshal([]byte(text[2:]), &ack) != nil ||
		ack.SID == "" || ack.PID == "" || ack.PID == r.pid {
		r.t.Fatalf("connect: %s", text)
	}
	r.pid = ack.PID
}

// take returns the next event.
func (r *recoverer) take() (event string, data map[string]any, seq uint64) {
	r.t.Helper()
	text := r.s.take(false)
	var args []any
	if !strings.HasPrefix(text, "42[") || json.Unmarshal([]byte(text[2:]), &args) != nil || len(args) < 2 {
		r.t.Fatalf("no event: %s", text)
	}
	if last, ok := args[len(args)-1].(string); ok {
		r.offset = last
	}
	event, data = args[0].(string), args[1].(map[string]any)
	return event, data, seqOf(r.t, text)
}

// subscribe subscribes as its auth says, and returns where the job is.
func (r *recoverer) subscribe(data string) (last uint64) {
	r.t.Helper()
	r.s.put(`427["subscribe_bulk_upload_job",` + data + `]`)
	for {
		text := r.s.take(false)
		if rest, ok := strings.CutPrefix(text, "437["); ok {
			var ack struct {
				LastSeq uint64 `json:"last_seq"`
			}
			if err := json.Unmarshal([]byte(strings.TrimSuffix(rest, "]")), &ack); err != nil || ack.LastSeq == 0 {
				r.t.Fatalf("subscribe: %s", text)
			}
			return ack.LastSeq
		}
		if !strings.HasPrefix(text, "42[") {
			r.t.Fatalf("subscribe: %s", text)
		}
	}
}

// want checks that facts come, and nothing before a pong.
func (r *recoverer) want(seqs ...uint64) {
	r.t.Helper()
	r.s.put(`42["ping"]`)
	var got []uint64
	for {
		event, _, seq := r.take()
		if event == "pong" {
			break
		}
		if seq > 0 {
			got = append(got, seq)
		}
	}
	if !slices.Equal(got, seqs) {
		r.t.Fatalf("got %v, want %v", got, seqs)
	}
}

func openSession(t *testing.T, url, transport string) session {
	t.Helper()
	switch transport {
	case "polling":
		return &pollSession{poller: openPolling(t, url)}
	case "upgraded":
		return openPolling(t, url).upgrade()
	}
	p := dialEngine(t, url)
	p.wantPrefix("0{")
	return p
}

// setProgress has a stage report how far it is.
func (r *rig) setProgress(job *events.Job, percent int) {
	r.t.Helper()
	p := events.Progress{Service: events.StageIEC, Step: events.IECVerification, Percent: percent,
		Status: events.StatusProcessing, Trigger: job.Trigger}
	if err := r.logs[events.StageIEC].SetProgress(r.t.Context(), job, p); err != nil {
		r.t.Fatal(err)
	}
}

// A subscription of Socket.IO without a sequence tells where the job stands, then what
// comes; with one, even 0, what comes after it.
func TestABarNeverGoesBack(t *testing.T) {
	r := newRig(t)
	alice := mintToken(t, "alice", "member", time.Hour)
	for _, transport := range []string{"polling", "websocket", "upgraded"} {
		t.Run(transport, func(t *testing.T) {
			fresh := func() *recoverer {
				c := &recoverer{t: t}
				c.connect(openSession(t, r.url, transport), alice)
				return c
			}
			job := r.upload("alice")
			whole := []uint64{job.Seq}
			settle := func() {
				eventstest.Wait(t, "the fact to go out", func() bool { return r.gw.Routed() >= job.Seq })
			}
			id := fmt.Sprintf(`{"job_id":%q}`, job.ID)
			for range 2 { // the newest fact, while there is no progress
				c := fresh()
				c.subscribe(id)
				c.want(job.Seq)
				r.step(&job)
				whole = append(whole, job.Seq)
				settle()
			}
			// In the middle: live progress over the user's room, then the subscription.
			c := fresh()
			job.Trigger = job.Seq
			r.setProgress(&job, 66)
			if _, data, _ := c.take(); data["progress"] != 66.0 {
				t.Fatalf("%v", data)
			}
			c.subscribe(fmt.Sprintf("%q", job.ID))
			if _, data, seq := c.take(); data["progress"] != 66.0 || seq != 0 {
				t.Fatalf("%v", data)
			}
			c.want()
			for _, after := range []int{0, int(job.FirstSeq)} {
				late := fresh()
				late.subscribe(fmt.Sprintf(`{"job_id":%q,"after":%d}`, job.ID, after))
				late.want(slices.DeleteFunc(slices.Clone(whole), func(s uint64) bool { return s <= uint64(after) })...)
			}
			for job.Next() != "" {
				r.step(&job)
				if _, _, seq := c.take(); seq != job.Seq {
					t.Fatalf("got %d, want %d", seq, job.Seq)
				}
			}
			settle()
			ended := fresh() // how it ended
			ended.subscribe(id)
			if event, _, seq := ended.take(); event != "bulk_upload_complete" || seq != job.Seq {
				t.Fatalf("%s %d", event, seq)
			}
			ended.want()
		})
	}
}

// A client that subscribes again without a sequence after its connection was lost gets
// what it has missed, from the same gateway or another.
func TestSocketIORecovers(t *testing.T) {
	r := newRig(t)
	second, other, _ := startGateway(t, r.nats)
	settle := func(seq uint64) {
		t.Helper()
		eventstest.Wait(t, "the fact to go out", func() bool { return r.gw.Routed() >= seq && second.Routed() >= seq })
	}
	alice := mintToken(t, "alice", "member", time.Hour)
	for _, transport := range []string{"polling", "websocket", "upgraded"} {
		t.Run(transport, func(t *testing.T) {
			one, two := r.upload("alice"), r.upload("alice")
			c := &recoverer{t: t}
			c.connect(openSession(t, r.url, transport), alice)
			ids := []string{fmt.Sprintf(`{"job_id":%q}`, one.ID), fmt.Sprintf(`{"job_id":%q}`, two.ID)}
			c.subscribe(ids[0])
			c.want(one.Seq)
			r.step(&one)
			if _, _, seq := c.take(); seq != one.Seq {
				t.Fatalf("got %d", seq)
			}
			c.subscribe(ids[1]) // a younger fact of one has come before an older one of two
			c.want(two.Seq)
			missed := map[*events.Job][]uint64{}
			for _, job := range []*events.Job{&two, &one, &two} {
				r.step(job)
				missed[job] = append(missed[job], job.Seq)
			}
			settle(two.Seq)
			pid, offset := c.pid, c.offset
			for _, url := range []string{r.url, other} {
				c.pid, c.offset = pid, offset
				c.connect(openSession(t, url, transport), alice)
				c.subscribe(ids[0])
				c.want(missed[&one]...)
				c.subscribe(ids[1])
				c.want(missed[&two]...)
				c.subscribe(ids[1]) // once more, on the same connection: where it stands
				c.want(two.Seq)
			}
			// Once more without anything new: nothing comes again.
			c.connect(openSession(t, r.url, transport), alice)
			c.subscribe(ids[0])
			c.subscribe(ids[1])
			c.want()
			// And again, though that connection has got no fact.
			c.connect(openSession(t, r.url, transport), alice)
			r.step(&one)
			settle(one.Seq)
			c.subscribe(ids[1])
			c.subscribe(ids[0])
			c.want(one.Seq)
		})
	}
}

// Where only progress has told the client how the job stands, the facts after that are
// what it has missed.
func TestSocketIORecoversAfterProgress(t *testing.T) {
	r := newRig(t)
	alice := mintToken(t, "alice", "member", time.Hour)
	job := r.upload("alice")
	r.step(&job)
	eventstest.Wait(t, "the fact to go out", func() bool { return r.gw.Routed() >= job.Seq })
	job.Trigger = job.Seq
	r.setProgress(&job, 50)
	c := &recoverer{t: t}
	c.connect(openSession(t, r.url, "websocket"), alice)
	c.subscribe(fmt.Sprintf("%q", job.ID))
	if _, data, seq := c.take(); data["progress"] != 50.0 || seq != 0 || c.offset == "" {
		t.Fatalf("%v, offset %q", data, c.offset)
	}
	r.step(&job)
	first := job.Seq
	r.step(&job)
	eventstest.Wait(t, "the fact to go out", func() bool { return r.gw.Routed() >= job.Seq })
	c.connect(openSession(t, r.url, "polling"), alice)
	c.subscribe(fmt.Sprintf("%q", job.ID))
	c.want(first, job.Seq)
}

// Offsets are in the client's hands: wrong ones do nothing.
func TestOffsetsOfOthersAreIgnored(t *testing.T) {
	r := newRig(t)
	alice, carol := mintToken(t, "alice", "member", time.Hour), mintToken(t, "carol", "national_admin", time.Hour)
	job := r.upload("alice")
	r.step(&job)
	eventstest.Wait(t, "the fact to go out", func() bool { return r.gw.Routed() >= job.Seq })
	c := &recoverer{t: t}
	c.connect(openSession(t, r.url, "websocket"), alice)
	c.subscribe(fmt.Sprintf("%q", job.ID))
	c.want(job.Seq)
	pid, good := c.pid, c.offset
	for name, tt := range map[string]struct{ token, pid, offset string }{
		"another user":        {carol, pid, good},
		"no pid":              {alice, "", good},
		"a wrong pid":         {alice, pid + "x", good},
		"no offset":           {alice, pid, ""},
		"nonsense":            {alice, pid, `job-1:x,,:,` + job.ID + ":-1"},
		"of another stream":   {alice, pid, job.ID + ":999999"},
		"of another job":      {alice, pid, events.NewJobID() + ":1"},
		"a negative sequence": {alice, pid, job.ID + ":-7"},
	} {
		again := &recoverer{t: t, pid: tt.pid, offset: tt.offset}
		again.connect(openSession(t, r.url, "websocket"), tt.token)
		again.subscribe(fmt.Sprintf("%q", job.ID))
		t.Log(name)
		again.want(job.Seq)
	}
	for _, auth := range []string{`"pid":7,"offset":[]`, `"pid":null,"offset":{}`} {
		s := openSession(t, r.url, "websocket")
		s.put(`40{"token":"` + alice + `",` + auth + `}`)
		if text := s.take(false); !strings.HasPrefix(text, `40{"sid":`) {
			t.Errorf("%s: %s", auth, text)
		}
	}
}

// Over /ws the whole history is the default, and says that it is one.
func TestHistoryOverTheWebSocketSaysSo(t *testing.T) {
	r := newRig(t)
	job := r.upload("alice")
	r.step(&job)
	eventstest.Wait(t, "the fact to go out", func() bool { return r.gw.Routed() >= job.Seq })
	s := dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	s.send("subscribe_bulk_upload_job", map[string]any{"job_id": job.ID}, 1)
	s.want("ack")
	for range 2 {
		if f := s.want("bulk_upload_progress"); !strings.Contains(f.raw, `"replayed":true`) || f.Seq == 0 {
			t.Errorf("history: %s", f.raw)
		}
	}
	r.step(&job)
	if f := s.want("bulk_upload_progress"); strings.Contains(f.raw, "replayed") {
		t.Errorf("news: %s", f.raw)
	}
}
