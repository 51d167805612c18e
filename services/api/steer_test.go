package api_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"rollcall.example/events"
)

// All who ask at the same moment may get the same answer, but the job is cancelled
// once.
func TestConcurrentCancelsAppendOneFact(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	var start, wg sync.WaitGroup
	start.Add(1)
	codes := make([]int, 8)
	for i := range codes {
		wg.Go(func() {
			start.Wait()
			codes[i] = r.Post("alice member", "/cancel/"+id).Status
		})
	}
	start.Done()
	wg.Wait()
	slices.Sort(codes)
	if codes[0] != 200 || slices.ContainsFunc(codes, func(c int) bool { return c != 200 && c != 409 }) {
		t.Fatalf("answers %v", codes)
	}
	list, err := r.Log.Replay(t.Context(), id, 0)
	if err != nil || len(list) != 2 || list[1].Kind != events.KindCancelled {
		t.Fatalf("history %v, %v", list, err)
	}
	if a := r.Post("alice member", "/cancel/"+id); a.Status != 409 || a.Error.Code != "not_allowed" {
		t.Errorf("later: %d %s", a.Status, a.Raw)
	}
}

func TestRetry(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	if a := r.Post("alice member", "/retry/"+id); a.Status != 409 || a.Error.Code != "not_allowed" {
		t.Errorf("a running job: %d %s", a.Status, a.Raw)
	}
	failed := &events.Failed{
		Stage: events.StageValidation, Code: "internal_error", Message: "Please retry.", Attempts: 5, Retryable: true,
	}
	r.Append(id, failed)
	if a := r.Get("alice member", "/status/"+id); a.Data["status"] != "failed" ||
		a.Data["error"].(map[string]any)["code"] != "internal_error" {
		t.Errorf("%s", a.Raw)
	}
	if a := r.Post("alice member", "/retry/"+id); a.Status != 202 || a.Data["status"] != "processing" {
		t.Errorf("a failed job: %d %s", a.Status, a.Raw)
	}
	again := *failed
	again.Retryable = false
	r.Append(id, &again)
	if a := r.Post("alice member", "/retry/"+id); a.Status != 409 || !strings.Contains(a.Message, "Please retry.") {
		t.Errorf("a hopeless job: %d %s", a.Status, a.Raw)
	}
}

func TestConcurrentRetriesAppendOneFact(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	if a := r.Post("alice member", "/cancel/"+id); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	start := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			<-start
			if a := r.Post("alice member", "/retry/"+id); a.Status != 202 && a.Status != 409 {
				t.Errorf("%d %s", a.Status, a.Raw)
			}
		})
	}
	close(start)
	wg.Wait()
	job, err := r.Log.Load(t.Context(), id)
	if err != nil || job.Kind != events.KindRetried || job.Next() != events.StageValidation {
		t.Fatalf("%+v, %v", job, err)
	}
	list, err := r.Log.Replay(t.Context(), id, 0)
	if err != nil || len(list) != 3 {
		t.Fatalf("%d facts, %v", len(list), err)
	}
}
