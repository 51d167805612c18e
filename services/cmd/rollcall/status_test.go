package main

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/eventstest"
	"rollcall.example/gateway"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/client"
	"rollcall.example/gateway/frames"
	"rollcall.example/services/api"
)

// jobView is what a client shows of a job.
type jobView struct {
	Status    events.Status `json:"status"`
	Stage     events.Step   `json:"stage"`
	Progress  int           `json:"progress"`
	Message   string        `json:"message"`
	Processed int           `json:"rows_processed"`
	Total     int           `json:"rows_total"`
}

// after returns what a client shows after a frame. The frame of an end has no percentage: the
// bar stays where it was or is full.
func (s jobView) after(f client.Frame) (jobView, error) {
	switch f.Event {
	case frames.EventComplete:
		d, err := f.Complete()
		rows := d.Validation.TotalRecords
		return jobView{d.Status, events.ReportGeneration, 100, "The report is ready.", rows, rows}, err
	case frames.EventFailed:
		d, err := f.Failed()
		s.Status, s.Message = d.Status, d.Error
		return s, err
	}
	d, err := f.Progress()
	return jobView{d.Status, d.Stage, d.Progress, d.Message, d.Processed, d.Total}, err
}

// statusRig is a gateway and the REST API on one stream, without stages.
type statusRig struct {
	t    *testing.T
	logs map[events.Stage]*events.Log
	url  string
	live *client.Client
}

func newStatusRig(t *testing.T) *statusRig {
	t.Helper()
	nats := eventstest.Start(t)
	r := &statusRig{t: t, logs: map[events.Stage]*events.Log{}}
	for _, s := range append([]events.Stage{events.StageUpload}, events.Stages...) {
		r.logs[s] = events.NewLog(eventstest.Connect(t, nats, string(s)), s, nil)
	}
	verifier, err := auth.New(t.Context(), auth.Config{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	g, err := gateway.New(gateway.Config{JetStream: eventstest.Connect(t, nats, "gateway"), Verifier: verifier,
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	face := api.New(api.Config{Log: r.logs[events.StageUpload],
		Authenticate: func(*http.Request) (access.Principal, error) {
			return access.Default().Identify(events.User{ID: "alice", Role: "member"}, access.Places{}), nil
		}})
	mux := http.NewServeMux()
	mux.Handle("/ws", g)
	mux.Handle(api.Base+"/", face.Handler())
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	eventstest.Wait(t, "the gateway", func() bool { return g.Ready() == nil })
	r.url = srv.URL
	if r.live, err = client.New(client.Config{URL: r.url, Token: token(t, "alice", "member"), Stay: true}); err != nil {
		t.Fatal(err)
	}
	return r
}

// nextFact draws one of the facts that may follow.
func nextFact(t *rapid.T, job *events.Job, warned bool) (by events.Stage, fact events.Fact) {
	total := rapid.IntRange(0, 40).Draw(t, "total")
	processed := rapid.IntRange(0, total).Draw(t, "processed")
	user := events.User{ID: "alice", Role: "member"}
	switch stage := job.Stage; {
	case job.Ended():
		return events.StageUpload, &events.Retried{Stage: stage, By: user}
	case job.Paused != nil && rapid.IntRange(0, 3).Draw(t, "patience") > 0:
		return stage, &events.Resumed{Stage: stage, Processed: processed, Total: total}
	default:
		choices := []string{"cancelled", "failed"}
		if job.Paused == nil {
			choices = append(choices, "done", "done", "done")
			if stage.MayPause() {
				choices = append(choices, "paused", "paused")
			}
			if stage == events.StageIEC && !warned {
				choices = append(choices, "warned")
			}
		}
		switch rapid.SampledFrom(choices).Draw(t, "next") {
		case "cancelled":
			return events.StageUpload, &events.Cancelled{Stage: stage, By: user}
		case "failed":
			return stage, &events.Failed{Stage: stage, Code: "internal_error", Message: "Something went wrong.", Attempts: 5,
				Retryable: true}
		case "paused":
			return stage, &events.Paused{Stage: stage,
				Reason:  rapid.SampledFrom([]string{events.PauseQuota, events.PauseDatabase}).Draw(t, "reason"),
				Message: "Waiting.", ResumesAt: time.Now().Add(time.Hour).UTC(), Processed: processed, Total: total,
				Quota: &events.Quota{Used: 9, Limit: 9}}
		case "warned":
			return stage, &events.Warned{Stage: stage, Message: "Most calls are spent.", Processed: processed, Total: total,
				Quota: events.Quota{Used: 8, Limit: 9}}
		}
		return stage, finishingFact(job)
	}
}

// finishingFact returns the fact with which the stage at work finishes.
func finishingFact(job *events.Job) events.Fact {
	fact := eventstest.Facts(job.ID)[slices.Index(events.Stages, job.Stage)]
	if f, ok := fact.(*events.Validated); ok {
		f.Stats.TotalRecords = 77
	}
	return fact
}

// Whatever happens to a job, its status at a sequence is what a live client saw then.
func TestStatusAtASequenceIsWhatClientsSaw(t *testing.T) {
	r := newStatusRig(t)
	access := []string{"--server", r.url, "--token", token(t, "alice", "member")}
	rapid.Check(t, func(rt *rapid.T) {
		job := eventstest.Upload(t, r.logs[events.StageUpload], events.User{ID: "alice", Role: "member"}, events.Artifact{},
			events.Options{})
		next, stop := iter.Pull2(r.live.Watch(t.Context(), job.ID, 0))
		defer stop()
		var shown jobView
		saw := map[uint64]jobView{}
		see := func() {
			f, err, _ := next()
			if err == nil {
				shown, err = shown.after(f)
			}
			if err != nil || f.Seq != job.Seq {
				rt.Fatalf("after %d came %+v, %v", job.Seq, f, err)
			}
			saw[f.Seq] = shown
		}
		see()
		warned := false
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			if job.Reported != nil {
				break
			}
			by, fact := nextFact(rt, &job, warned)
			eventstest.Append(t, r.logs[by], &job, fact)
			warned = job.Kind == events.KindWarned || warned && job.Kind != events.KindPaused
			see()
		}
		for seq, want := range saw {
			var then struct {
				jobView
				Seq uint64
			}
			path := fmt.Sprintf("/status/%s?at_seq=%d", job.ID, seq)
			if err := r.live.Call(t.Context(), http.MethodGet, path, &then); err != nil {
				rt.Fatal(err)
			}
			if then.Seq != seq || then.jobView != want {
				rt.Fatalf("at %d the client saw\n%+v, the status is\n%+v", seq, want, then)
			}
		}
	})
	job := eventstest.Upload(t, r.logs[events.StageUpload], events.User{ID: "alice", Role: "member"}, events.Artifact{},
		events.Options{})
	for job.Reported == nil {
		eventstest.Append(t, r.logs[job.Stage], &job, finishingFact(&job))
	}
	if said := mustRun(t, append([]string{"status", job.ID}, access...)...); !strings.HasPrefix(said,
		"completed, 100%: The report is ready.\n") {
		t.Errorf("now it says %s", said)
	}
}
