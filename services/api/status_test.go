package api_test

import (
	"flag"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api/apitest"
)

func TestStatusFollowsTheLog(t *testing.T) {
	r := newRig(t)
	r.Project()
	id := r.Upload("alice member")
	facts := eventstest.Facts(id)
	facts[0].(*events.Validated).Stats.TotalRecords = 77
	want := func(status, stage string, percent float64) {
		t.Helper()
		a := r.Get("alice member", "/status/"+id)
		if a.Data["status"] != status || a.Data["stage"] != stage || a.Data["progress"] != percent {
			t.Fatalf("want %s %s %v: %s", status, stage, percent, a.Raw)
		}
	}
	want("pending", "initialization", 0)
	r.Append(id, facts[0])
	want("processing", "pre_validation", 40)
	job, err := r.Log.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	iec := events.NewLog(eventstest.Connect(t, r.NATS, "iec"), events.StageIEC, nil)
	p := events.Progress{
		Service: events.StageIEC, Step: events.IECVerification, Percent: 50, Message: "Asking",
		Status: events.StatusProcessing, Processed: 3, Total: 9, Trigger: job.Trigger,
	}
	if err := iec.SetProgress(t.Context(), &job, p); err != nil {
		t.Fatal(err)
	}
	want("processing", "iec_verification", 50)
	r.Append(id, &events.Paused{
		Stage: events.StageIEC, Reason: events.PauseQuota, Message: "Wait.", ResumesAt: time.Now(), Processed: 3, Total: 9,
	})
	want("paused", "iec_verification", 50)
	r.Append(id, &events.Resumed{Stage: events.StageIEC, Processed: 3, Total: 9}, facts[1])
	want("processing", "iec_verification", 60)
	r.Append(id, facts[2], facts[3])
	want("completed", "report_generation", 100)
	eventstest.Wait(t, "the list to know", func() bool {
		a := r.Get("alice member", "/history?status=completed")
		return a.Data["total"] == 1.0
	})
	if a := r.Get("alice member", "/history?status=failed"); a.Data["total"] != 0.0 {
		t.Errorf("failed ones: %s", a.Raw)
	}
}

// Whatever happens to a job, the API repeats for each moment what it answered then.
func TestStatusAtASequenceIsTheStatusOfThen(t *testing.T) {
	// Each story is a dozen requests to a server that syncs its disk: 30 of them
	// take a quarter of a minute, and visit each state several times.
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	if err := checks.Value.Set("30"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = checks.Value.Set(before) }() // it was valid
	r := newRig(t)
	rapid.Check(t, func(rt *rapid.T) {
		id := r.Upload("alice member")
		told := map[uint64]map[string]any{}
		note := func() events.Job {
			a := r.Get("alice member", "/status/"+id)
			job, err := r.Log.Load(t.Context(), id)
			if err != nil || uint64(a.Data["seq"].(float64)) != job.Seq {
				rt.Fatalf("%s, %v", a.Raw, err)
			}
			told[job.Seq] = a.Data
			return job
		}
		job := note()
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			switch step := rapid.IntRange(0, 9).Draw(rt, "step"); {
			case job.Ended() && job.Reported == nil:
				r.Post("alice member", "/retry/"+id)
			case job.Ended():
			case step == 0:
				r.Post("alice member", "/cancel/"+id)
			case step == 1:
				r.Append(id, &events.Failed{
					Stage: job.Stage, Code: "internal_error", Message: "Something went wrong.", Attempts: 5, Retryable: true,
				})
			case step < 5 && job.Stage == events.StageIEC && job.Paused == nil:
				r.Append(id, &events.Paused{
					Stage: job.Stage, Reason: events.PauseQuota, Message: "The calls are spent.",
					ResumesAt: time.Now().Add(time.Hour).UTC(), Processed: step, Total: 10,
				})
			case job.Paused != nil:
				r.Append(id, &events.Resumed{Stage: job.Stage, Processed: 1, Total: 10})
			default:
				for i, stage := range events.Stages {
					if stage == job.Stage {
						r.Append(id, eventstest.Facts(id)[i])
					}
				}
			}
			job = note()
		}
		at := func(seq uint64) apitest.Reply {
			return r.Get("alice member", fmt.Sprintf("/status/%s?at_seq=%d", id, seq))
		}
		for seq, want := range told {
			if a := at(seq); !reflect.DeepEqual(a.Data, want) {
				rt.Fatalf("at %d\n got %v\nwant %v", seq, a.Data, want)
			}
		}
		if a := at(job.Seq + 1000); !reflect.DeepEqual(a.Data, told[job.Seq]) {
			rt.Fatalf("later: %s", a.Raw)
		}
		if a := at(job.FirstSeq - 1); job.FirstSeq > 1 && a.Status != 404 {
			rt.Fatalf("before: %s", a.Raw)
		}
	})
}

func TestStatusAtASequenceNeedsAccessAndANumber(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	if a := r.Get("bob member", "/status/"+id+"?at_seq=1"); a.Status != 404 {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	for _, seq := range []string{"", "0", "-1", "x", "1.5", "99999999999999999999"} {
		if a := r.Get("alice member", "/status/"+id+"?at_seq="+seq); a.Status != 400 || a.Error.Code != "bad_request" {
			t.Errorf("%q: %d %s", seq, a.Status, a.Raw)
		}
	}
}

// A server that cannot ask the leader of the log says that its answer may be old. It does not
// know either that there is no such job.
func TestAStatusThatNobodyConfirmsSaysSo(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	if a := r.Get("alice member", "/status/"+id); a.Status != 200 || a.Data["stale"] != nil {
		t.Errorf("confirmed: %d %s", a.Status, a.Raw)
	}
	// The gateway may read events, and ask the leader nothing.
	cut := &rig{r.Replica(func(c *apitest.Config) {
		c.API.Log = events.NewLog(eventstest.Connect(t, r.NATS, "gateway"), events.StageUpload, nil)
	})}
	a := cut.Get("alice member", "/status/"+id)
	if a.Data["job_id"] != id || a.Data["stale"] != true {
		t.Errorf("cut off: %d %s", a.Status, a.Raw)
	}
	if a := cut.Get("bob member", "/status/"+id); a.Status != 404 {
		t.Errorf("another's: %d %s", a.Status, a.Raw)
	}
	if a := cut.Get("alice member", "/status/"+events.NewJobID()); a.Status < 500 {
		t.Errorf("none: %d %s", a.Status, a.Raw)
	}
}
