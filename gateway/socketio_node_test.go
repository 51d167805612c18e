package gateway_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway"
)

func socketIOConfig(c *gateway.Config) { c.PingInterval = 100 * time.Millisecond }

// The official client, unchanged, over real sockets.
func TestSocketIOClient(t *testing.T) {
	dir := installClient(t)
	alice := mintToken(t, "alice", "member", time.Hour)

	t.Run("a whole job", func(t *testing.T) {
		r, n := newRig(t, socketIOConfig), startNode(t, dir)
		job := r.upload("alice")
		n.connect(r.url, alice, "", nil)
		n.want("connect")
		if ack := n.ask("subscribe_bulk_upload_job", job.ID); ack["job_id"] != job.ID ||
			ack["last_seq"] != float64(job.Seq) || ack["status"] != "pending" {
			t.Fatalf("ack %v", ack)
		}
		if s := n.want("bulk_upload_progress"); s.Seq != job.Seq || s.Data["stage"] != "initialization" {
			t.Fatalf("uploaded: %s", s.raw)
		}
		p := events.Progress{Service: events.StageValidation, Step: events.FileReading, Percent: 15,
			Status: events.StatusProcessing, Trigger: job.Trigger}
		if err := r.logs[events.StageValidation].SetProgress(t.Context(), &job, p); err != nil {
			t.Fatal(err)
		}
		if s := n.want("bulk_upload_progress"); s.Seq != 0 || s.Data["progress"] != 15.0 {
			t.Fatalf("progress: %s", s.raw)
		}
		for _, stage := range []string{"pre_validation", "iec_verification", "database_operations"} {
			r.step(&job)
			if s := n.want("bulk_upload_progress"); s.Seq != job.Seq || s.Data["stage"] != stage {
				t.Fatalf("%s: %s", stage, s.raw)
			}
		}
		r.step(&job)
		if s := n.want("bulk_upload_complete"); s.Seq != job.Seq || s.Data["job_id"] != job.ID {
			t.Fatalf("complete: %s", s.raw)
		}
		if ack := n.ask("unsubscribe_bulk_upload_job", job.ID); ack["job_id"] != job.ID {
			t.Fatalf("unsubscribe: %v", ack)
		}
	})
	t.Run("requests", func(t *testing.T) {
		r, n := newRig(t, socketIOConfig), startNode(t, dir)
		job, foreign := r.upload("alice"), r.upload("bob")
		r.step(&job)
		n.connect(r.url, alice, "", nil)
		n.want("connect")
		// Without an acknowledgement, as old clients do.
		n.send(map[string]any{"do": "emit", "socket": "s", "event": "subscribe_bulk_upload_job",
			"args": []any{map[string]any{"job_id": job.ID}}})
		if s := n.want("bulk_upload_progress"); s.Seq != job.Seq {
			t.Fatalf("where the job stands: %s", s.raw)
		}
		n.ask("subscribe_bulk_upload_job", map[string]any{"job_id": job.ID, "after": job.FirstSeq})
		if s := n.want("bulk_upload_progress"); s.Seq != job.Seq {
			t.Fatalf("after: %s", s.raw)
		}
		code := func(ack map[string]any) any { e, _ := ack["error"].(map[string]any); return e["code"] }
		unknown := n.ask("subscribe_bulk_upload_job", events.NewJobID())
		if ack := n.ask("subscribe_bulk_upload_job", foreign.ID); code(ack) != "not_found" ||
			code(unknown) != "not_found" || len(ack) != len(unknown) {
			t.Fatalf("foreign %v, unknown %v", ack, unknown)
		}
		if ack := n.ask("fly"); code(ack) != "bad_request" {
			t.Fatalf("%v", ack)
		}
		n.send(map[string]any{"do": "emit", "socket": "s", "event": "subscribe_bulk_upload_job", "args": []any{}})
		if s := n.want("error"); s.Data["code"] != "bad_request" {
			t.Fatalf("%s", s.raw)
		}
		for _, token := range []any{alice, map[string]any{"token": alice}} {
			if ack := n.ask("authenticate", token); ack["user_id"] != "alice" {
				t.Fatalf("authenticate: %v", ack)
			}
		}
		if ack := n.ask("authenticate", "x"); code(ack) != "unauthenticated" {
			t.Fatalf("%v", ack)
		}
		if ack := n.ask("ping"); len(ack) != 0 {
			t.Fatalf("%v", ack)
		}
		n.send(map[string]any{"do": "disconnect", "socket": "s"})
		if s := n.want("disconnect"); s.Message != "io client disconnect" {
			t.Fatalf("%s", s.raw)
		}
	})
	t.Run("refused tokens and namespaces", func(t *testing.T) {
		r := newRig(t, socketIOConfig)
		for _, token := range []any{"x", "", 7, nil, mintToken(t, "alice", "member", time.Nanosecond)} {
			n := startNode(t, dir)
			n.connect(r.url, "", "", map[string]any{"auth": map[string]any{"token": token}})
			if s := n.want("connect_error"); s.Message != "unauthenticated" || s.Data["code"] != "unauthenticated" ||
				s.Data["message"] == "" || s.Active {
				t.Fatalf("%v: %s", token, s.raw)
			}
		}
		n := startNode(t, dir)
		n.connect(r.url+"/admin", alice, "", nil)
		if s := n.want("connect_error"); s.Message != "Invalid namespace" {
			t.Fatalf("%s", s.raw)
		}
	})
	t.Run("polling", func(t *testing.T) {
		r, n := newRig(t, socketIOConfig), startNode(t, dir)
		job := r.upload("alice")
		n.connect(r.url, alice, job.ID, map[string]any{"transports": []string{"polling"}, "reconnection": false})
		n.want("connect")
		if s := n.want("bulk_upload_progress"); s.Seq != job.Seq {
			t.Fatalf("%s", s.raw)
		}
	})
	t.Run("kept open by pings, closed when the token expires", func(t *testing.T) {
		r, n := newRig(t, socketIOConfig), startNode(t, dir)
		n.connect(r.url, mintToken(t, "alice", "member", 2*time.Second), "", map[string]any{"reconnection": false})
		n.want("connect")
		if s := n.want("disconnect"); s.Message != "transport close" || s.Code != int(refusal.CloseUnauthenticated) {
			t.Fatalf("%s", s.raw)
		}
	})
	t.Run("a replaced gateway", func(t *testing.T) {
		r, n := newRig(t, socketIOConfig), startNode(t, dir)
		second, url, _ := startGateway(t, r.nats, socketIOConfig)
		front := newFront(t, r.url)
		job := r.upload("alice")
		n.connect(front.url, mintToken(t, "carol", "national_admin", time.Hour), job.ID, nil)
		n.want("connect")
		n.want("bulk_upload_progress")
		front.forwardTo(url)
		r.stop()
		if s := n.want("disconnect"); s.Code != int(websocket.StatusServiceRestart) {
			t.Fatalf("%s", s.raw)
		}
		r.step(&job)
		eventstest.Wait(t, "the fact to go out", func() bool { return second.Routed() >= job.Seq })
		r.step(&job)
		var seqs []uint64
		for len(seqs) < 2 {
			if s := n.next(); s.Seq > 0 {
				seqs = append(seqs, s.Seq)
			}
		}
		if !slices.Equal(seqs, []uint64{job.Seq - 1, job.Seq}) {
			t.Fatalf("got %v", seqs)
		}
	})
	t.Run("a replaced gateway asks them to come back one after the other", func(t *testing.T) {
		r, n := newRig(t, socketIOConfig, func(c *gateway.Config) { c.Returns = 1 }), startNode(t, dir)
		_, url, _ := startGateway(t, r.nats, socketIOConfig)
		front := newFront(t, r.url)
		for _, name := range []string{"first", "second"} {
			n.send(map[string]any{"do": "connect", "socket": name, "url": front.url, "patient": true, "options": map[string]any{
				"transports": []string{"websocket"}, "auth": map[string]any{"token": alice}}})
			n.want("connect")
		}
		front.forwardTo(url)
		waits, closed := map[string]time.Duration{}, time.Now()
		r.stop()
		for back := 0; back < 2; {
			switch s := n.next(); s.On {
			case "disconnect":
				waits[s.Socket], _ = refusal.CloseWait(s.Response)
			case "connect":
				back++
				if came := time.Since(closed); came < waits[s.Socket]/2 {
					t.Errorf("%s came back after %s, was told %s", s.Socket, came, waits[s.Socket])
				}
			}
		}
		if sum := waits["first"] + waits["second"]; sum.Round(time.Second/10) != time.Second {
			t.Errorf("waits %v", waits)
		}
	})
	t.Run("a slow client", func(t *testing.T) {
		r, n := newRig(t, func(c *gateway.Config) { c.Queue, c.WriteTimeout = 16, 2*time.Second }), startNode(t, dir)
		job := r.upload("alice")
		n.connect(r.url, mintToken(t, "carol", "national_admin", time.Hour), job.ID, nil)
		n.want("connect")
		n.want("bulk_upload_progress")
		if err := n.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		want := []uint64{job.Seq}
		for i := 0; i < 40 && r.gw.Connections() > 0; i++ {
			eventstest.Append(t, r.logs[events.StageValidation], &job,
				&events.Failed{Stage: events.StageValidation, Code: "x", Message: strings.Repeat("x", 200_000),
					Attempts: 1, Retryable: true})
			want = append(want, job.Seq)
			retried := &events.Retried{Stage: events.StageValidation, By: job.Owner}
			eventstest.Append(t, r.logs[events.StageUpload], &job, retried)
			want = append(want, job.Seq)
		}
		eventstest.Wait(t, "the gateway to disconnect it", func() bool { return r.gw.Connections() == 0 })
		if err := n.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		got, again := []uint64{want[0]}, false
		for len(got) < len(want) {
			s := n.next()
			again = again || s.On == "connect"
			if s.Seq > 0 {
				got = append(got, s.Seq)
			}
		}
		if !slices.Equal(got, want) || !again {
			t.Fatalf("connected again: %t, got %v, want %v", again, got, want)
		}
	})
}
