package upload

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// Whatever happens to a job, each moment of it can be told again as it was told
// to whoever asked at that moment.
func TestStatusAtASequenceIsWhatWasToldThen(t *testing.T) {
	r := newRig(t)
	rapid.Check(t, func(rt *rapid.T) {
		id := r.uploaded("alice member")
		told := map[uint64]map[string]any{}
		note := func() events.Job {
			a := r.get("alice member", "/status/"+id)
			job, err := r.log.Load(t.Context(), id)
			if err != nil || uint64(a.Data["seq"].(float64)) != job.Seq {
				rt.Fatalf("%s, %v", a.raw, err)
			}
			told[job.Seq] = a.Data
			return job
		}
		job := note()
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			switch step := rapid.IntRange(0, 9).Draw(rt, "step"); {
			case job.Ended() && job.Reported == nil:
				r.post("alice member", "/retry/"+id)
			case job.Ended():
			case step == 0:
				r.post("alice member", "/cancel/"+id)
			case step == 1:
				r.as(id, &events.Failed{Stage: job.Stage, Code: "internal_error", Message: "Something went wrong.", Attempts: 5, Retryable: true})
			case step < 5 && job.Stage == events.StageIEC && job.Paused == nil:
				r.as(id, &events.Paused{Stage: job.Stage, Reason: events.PauseQuota, Message: "The calls are spent.", ResumesAt: time.Now().Add(time.Hour).UTC(), Processed: step, Total: 10})
			case job.Paused != nil:
				r.as(id, &events.Resumed{Stage: job.Stage, Processed: 1, Total: 10})
			default:
				for i, stage := range events.Stages {
					if stage == job.Stage {
						r.as(id, eventstest.Facts(id)[i])
					}
				}
			}
			job = note()
		}
		for seq, want := range told {
			if a := r.get("alice member", fmt.Sprintf("/status/%s?at_seq=%d", id, seq)); !reflect.DeepEqual(a.Data, want) {
				rt.Fatalf("at %d\n got %v\nwant %v", seq, a.Data, want)
			}
		}
		if a := r.get("alice member", fmt.Sprintf("/status/%s?at_seq=%d", id, job.Seq+1000)); !reflect.DeepEqual(a.Data, told[job.Seq]) {
			rt.Fatalf("later: %s", a.raw)
		}
		if a := r.get("alice member", fmt.Sprintf("/status/%s?at_seq=%d", id, job.FirstSeq-1)); job.FirstSeq > 1 && a.status != 404 {
			rt.Fatalf("before: %s", a.raw)
		}
	})
}

func TestStatusAtASequenceIsForThoseWhoMaySeeTheJob(t *testing.T) {
	r := newRig(t)
	id := r.uploaded("alice member")
	if a := r.get("bob member", "/status/"+id+"?at_seq=1"); a.status != 404 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	for _, seq := range []string{"", "0", "-1", "x", "1.5", "99999999999999999999"} {
		if a := r.get("alice member", "/status/"+id+"?at_seq="+seq); a.status != 400 || a.Error.Code != "bad_request" {
			t.Errorf("%q: %d %s", seq, a.status, a.raw)
		}
	}
}
