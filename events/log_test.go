package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
)

var alice = events.User{ID: "alice smith ü", Role: "member"}

func logAs(t *testing.T, srv *embedded.Server, stage events.Stage) *events.Log {
	t.Helper()
	return events.NewLog(eventstest.Connect(t, srv, string(stage)), stage, nil)
}

func upload(t *testing.T, srv *embedded.Server) events.Job {
	t.Helper()
	return eventstest.Upload(t, logAs(t, srv, events.StageUpload), alice, events.Artifact{}, events.Options{})
}

func TestEachStageAppendsAndLoadAgrees(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	for i, stage := range events.Stages {
		if job.Next() != stage {
			t.Fatalf("next is %q, want %q", job.Next(), stage)
		}
		l := logAs(t, srv, stage)
		eventstest.Append(t, l, &job, eventstest.Facts(job.ID)[i])
		loaded, err := l.Load(t.Context(), job.ID)
		if err != nil {
			t.Fatal(err)
		}
		if current, err := l.LoadCurrent(t.Context(), job.ID); err != nil || current.Seq != loaded.Seq {
			t.Fatalf("after %s: %+v, %v, loaded %+v", stage, current, err, loaded)
		}
		if loaded.Seq != job.Seq || loaded.Status != job.Status || loaded.Next() != job.Next() || loaded.Owner != alice {
			t.Fatalf("after %s: loaded %+v, appended %+v", stage, loaded, job)
		}
	}
	if job.Status != events.StatusCompleted || job.Next() != "" || job.Standing.Percent != 100 {
		t.Fatalf("job %+v", job)
	}
	list, err := logAs(t, srv, events.StageReport).Replay(t.Context(), job.ID, job.FirstSeq)
	if err != nil || len(list) != 4 || list[0].Kind != events.KindValidated {
		t.Fatalf("replay after the first: %v, %v", list, err)
	}
}

func TestLoadFindsNoUnknownOrMalformedJob(t *testing.T) {
	l := logAs(t, eventstest.Start(t), events.StageUpload)
	path := "job-" + "../../../../../../../../../../../etc"
	for _, id := range []string{events.NewJobID(), "job-1", "", "job-*", "*", path} {
		if _, err := l.Load(t.Context(), id); !errors.Is(err, events.ErrNotFound) {
			t.Errorf("load %q: %v", id, err)
		}
	}
}

func TestAppendTwiceStoresOnce(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	l := logAs(t, srv, events.StageValidation)
	before := job
	fact := func() events.Fact { return eventstest.Facts(job.ID)[0] }
	first, err := l.Append(t.Context(), &job, before.Trigger, fact())
	if err != nil {
		t.Fatal(err)
	}
	again := before
	second, err := l.Append(t.Context(), &again, before.Trigger, fact())
	if err != nil || second.Seq != first.Seq {
		t.Fatalf("second append: seq %d, want %d, err %v", second.Seq, first.Seq, err)
	}
}

func TestOneOfManyWritersAppends(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	l := logAs(t, srv, events.StageUpload)
	const n = 16
	var start, done sync.WaitGroup
	start.Add(1)
	errs := make([]error, n)
	for i := range n {
		done.Go(func() {
			mine := job
			start.Wait()
			// With different causes, no append repeats another.
			fact := &events.Cancelled{Stage: job.Stage, By: alice}
			_, errs[i] = l.Append(context.Background(), &mine, uint64(1000+i), fact)
		})
	}
	start.Done()
	done.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, events.ErrConflict):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Fatalf("%d writers appended, want 1", won)
	}
}

func TestOnlyRetriedFollowsFailed(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	v, u := logAs(t, srv, events.StageValidation), logAs(t, srv, events.StageUpload)
	failed := &events.Failed{Stage: events.StageValidation, Code: "x", Message: "m", Attempts: 1, Retryable: true}
	eventstest.Append(t, v, &job, failed)
	for _, f := range []events.Fact{
		eventstest.Facts(job.ID)[0],
		&events.Cancelled{Stage: job.Stage, By: alice},
		&events.Failed{Stage: job.Stage},
	} {
		if _, err := v.Append(t.Context(), &job, job.Seq, f); !errors.Is(err, events.ErrNotAllowed) {
			t.Errorf("%s after failed: %v", f.FactKind(), err)
		}
	}
	eventstest.Append(t, u, &job, &events.Retried{Stage: job.Stage, By: alice})
	if job.Next() != events.StageValidation || job.Failed != nil || job.Trigger != job.Seq {
		t.Fatalf("after retried: %+v", job)
	}
}

func TestLoadSkipsForgedMessages(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	js := eventstest.Connect(t, srv, "validation")
	// This is what the server stores when a request names a fact's subject as its
	// reply: none of our headers, and a body of another kind.
	forged := []byte(`{"type":"io.nats.jetstream.api.v1.stream_info_response"}`)
	if _, err := js.Publish(t.Context(), events.Subject(job.ID, events.KindValidated), forged); err != nil {
		t.Fatal(err)
	}
	l := events.NewLog(js, events.StageValidation, nil)
	loaded, err := l.Load(t.Context(), job.ID)
	if err != nil || loaded.Next() != events.StageValidation || loaded.Kind != events.KindUploaded {
		t.Fatalf("the forgery was folded: %+v, %v", loaded, err)
	}
	// The guard counts the forgery, so the next append works.
	eventstest.Append(t, l, &loaded, eventstest.Facts(job.ID)[0])
}

func TestDecodeRefusesMessagesThatContradictThemselves(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	s, err := eventstest.Connect(t, srv, eventstest.Owner).Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetMsg(t.Context(), job.Seq)
	if err != nil {
		t.Fatal(err)
	}
	other := events.NewJobID()
	for name, change := range map[string]func(subject *string, h nats.Header, body map[string]any){
		"other job's subject": func(s *string, _ nats.Header, _ map[string]any) {
			*s = events.Subject(other, events.KindUploaded)
		},
		"other kind": func(s *string, _ nats.Header, _ map[string]any) {
			*s = events.Subject(job.ID, events.KindReported)
		},
		"no such kind": func(s *string, _ nats.Header, _ map[string]any) {
			*s = events.Subject(job.ID, "exploded")
		},
		"no headers": func(_ *string, h nats.Header, _ map[string]any) {
			for k := range h {
				delete(h, k)
			}
		},
		"header's job": func(_ *string, h nats.Header, _ map[string]any) { h.Set(events.HeaderSubject, other) },
		"header's type": func(_ *string, h nats.Header, _ map[string]any) {
			h.Set(events.HeaderType, "rollcall.bulk.failed")
		},
		"header's id":  func(_ *string, h nats.Header, _ map[string]any) { h.Set(events.HeaderMsgID, "x") },
		"owner":        func(_ *string, h nats.Header, _ map[string]any) { h.Set(events.HeaderOwner, "mallory") },
		"no version":   func(_ *string, h nats.Header, _ map[string]any) { h.Set(events.HeaderDataVersion, "one") },
		"body's job":   func(_ *string, _ nats.Header, b map[string]any) { b["job_id"] = other },
		"body's type":  func(_ *string, _ nats.Header, b map[string]any) { b["type"] = "validated" },
		"body's cause": func(_ *string, _ nats.Header, b map[string]any) { b["cause_seq"] = 7 },
	} {
		t.Run(name, func(t *testing.T) {
			subject, header := m.Subject, nats.Header{}
			for k, v := range m.Header {
				header[k] = v
			}
			var body map[string]any
			if err := json.Unmarshal(m.Data, &body); err != nil {
				t.Fatal(err)
			}
			if _, err := events.Decode(subject, header, m.Data, m.Sequence); err != nil {
				t.Fatalf("decode the unchanged message: %v", err)
			}
			change(&subject, header, body)
			data, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := events.Decode(subject, header, data, m.Sequence); !errors.Is(err, events.ErrUntrusted) {
				t.Fatalf("decode returned %v, want ErrUntrusted", err)
			}
		})
	}
}

func TestFollowYieldsStoredThenNewFacts(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := make(chan events.Event, 10)
	var done sync.WaitGroup
	follower := events.NewLog(eventstest.Connect(t, srv, "operator"), events.StageUpload, nil)
	done.Go(func() {
		for e, err := range follower.Follow(ctx, job.ID, 0) {
			if err != nil {
				t.Error(err)
				return
			}
			got <- e
		}
	})
	next := func() events.Kind {
		select {
		case e := <-got:
			return e.Kind
		case <-time.After(10 * time.Second):
			return "nothing"
		}
	}
	if k := next(); k != events.KindUploaded {
		t.Fatalf("first %s", k)
	}
	eventstest.Append(t, logAs(t, srv, events.StageValidation), &job, eventstest.Facts(job.ID)[0])
	if k := next(); k != events.KindValidated {
		t.Fatalf("second %s", k)
	}
	cancel()
	done.Wait()
}

func TestMessagesReadsSeveralBatches(t *testing.T) {
	srv := eventstest.Start(t)
	l := logAs(t, srv, events.StageUpload)
	const n = 1203 // more than two batches
	ids := make(map[string]bool, n)
	for range n {
		ids[eventstest.Upload(t, l, alice, events.Artifact{}, events.Options{}).ID] = true
	}
	js := eventstest.Connect(t, srv, "gateway")
	for m, err := range events.Messages(t.Context(), js, events.StreamFacts, "bulk.>", 1) {
		if err != nil {
			t.Fatal(err)
		}
		id, _, err := events.ParseSubject(m.Subject)
		if err != nil || !ids[id] {
			t.Fatalf("%s twice or unknown: %v", m.Subject, err)
		}
		delete(ids, id)
	}
	if len(ids) != 0 {
		t.Fatalf("%d not read", len(ids))
	}
}

func TestProgressReturnsTheNewest(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	l := logAs(t, srv, events.StageValidation)
	if _, ok, err := l.Progress(t.Context(), job.ID); ok || err != nil {
		t.Fatalf("progress of a new job: %v, %v", ok, err)
	}
	for i := range 3 {
		p := events.Progress{
			Service: events.StageValidation, Step: events.FileReading, Percent: 10 + i, Status: events.StatusProcessing,
		}
		if err := l.SetProgress(t.Context(), &job, p); err != nil {
			t.Fatal(err)
		}
	}
	p, ok, err := l.Progress(t.Context(), job.ID)
	if err != nil || !ok || p.Percent != 12 || p.JobID != job.ID {
		t.Fatalf("progress %+v, %v, %v", p, ok, err)
	}
}

// Whoever meets conflicts waits, but not for longer than they have time.
func TestTheWaitAfterAConflictEndsWithItsContext(t *testing.T) {
	for _, conflicts := range []int{1, 2, 1000} {
		if err := events.WaitAfterConflict(t.Context(), conflicts); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := 0
	for range 20 { // either may be first
		if err := events.WaitAfterConflict(ctx, 1000); errors.Is(err, context.Canceled) {
			ended++
		}
	}
	if ended == 0 {
		t.Error("nobody notices that the time is over")
	}
}
