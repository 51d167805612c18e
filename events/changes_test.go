package events_test

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// A server looks through the whole stream for messages that are not there. So a job is
// read by asking for what there is, not for more.
func TestAJobIsReadByAskingForWhatThereIs(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	eventstest.Append(t, logAs(t, srv, events.StageValidation), &job, eventstest.Facts(job.ID)[0])
	plain := upload(t, srv)
	const rounds = 40 // more than are read one by one
	for range rounds {
		eventstest.Append(t, logAs(t, srv, events.StageIEC), &job, &events.Paused{Stage: events.StageIEC,
			Reason: events.PauseQuota, Message: "Wait.", ResumesAt: time.Now()}, &events.Resumed{Stage: events.StageIEC})
	}
	js := eventstest.Connect(t, srv, eventstest.Owner)
	var mu sync.Mutex
	var asked []int
	var lookedOn bool
	sub, err := js.Conn().Subscribe("$JS.API.DIRECT.GET."+events.StreamFacts, func(m *nats.Msg) {
		var req struct {
			Batch int    `json:"batch"`
			Next  string `json:"next_by_subj"`
			Seq   uint64 `json:"seq"`
		}
		mu.Lock()
		defer mu.Unlock()
		if err := json.Unmarshal(m.Data, &req); err != nil {
			t.Error(err)
		}
		if req.Next != "" {
			asked = append(asked, req.Batch)
			lookedOn = lookedOn || req.Seq > job.Seq
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	log := events.NewLog(js, "", nil)
	for _, want := range []events.Job{job, plain} {
		if now, err := log.Load(t.Context(), want.ID); err != nil || now.Seq != want.Seq || now.Status != want.Status {
			t.Fatalf("%+v, %v", now, err)
		}
	}
	if list, err := log.Replay(t.Context(), job.ID, job.FirstSeq); err != nil || len(list) != 1+2*rounds {
		t.Errorf("%d facts after the first, %v", len(list), err)
	}
	if list, err := log.Replay(t.Context(), job.ID, job.Seq); err != nil || len(list) != 0 {
		t.Errorf("%d facts after the last, %v", len(list), err)
	}
	// The last request has been heard once a message after it has.
	if err := sub.Drain(); err != nil {
		t.Fatal(err)
	}
	eventstest.Wait(t, "the requests", func() bool { return !sub.IsValid() })
	mu.Lock()
	defer mu.Unlock()
	if len(asked) == 0 || lookedOn {
		t.Errorf("asked for %v, beyond the last fact: %v", asked, lookedOn)
	}
	for _, n := range asked {
		if n > 2+2*rounds {
			t.Errorf("asked for %d messages of a job that has %d", n, 2+2*rounds)
		}
	}
}

// One pass over the log has each job as loading it has, also one that went on after its
// end. A fact of a newer program spoils its own job only.
func TestChangesHaveEachJobAsItIs(t *testing.T) {
	srv := eventstest.Start(t)
	atWork, ended := upload(t, srv), upload(t, srv)
	cancelled := &events.Cancelled{Stage: events.StageValidation, By: alice}
	eventstest.Append(t, logAs(t, srv, events.StageUpload), &ended, cancelled)
	newer := eventstest.UploadNewer(t, srv, alice)
	again := upload(t, srv)
	eventstest.Append(t, logAs(t, srv, events.StageUpload), &again, cancelled,
		&events.Retried{Stage: events.StageValidation, By: alice})
	middle := again.Seq
	last := upload(t, srv)
	eventstest.Append(t, logAs(t, srv, events.StageValidation), &atWork, eventstest.Facts(atWork.ID)[0])

	log := logAs(t, srv, events.StageUpload)
	read := func(after uint64) (found map[string]events.Change) {
		found = map[string]events.Change{}
		end, err := log.Changes(t.Context(), after, func(c events.Change) error {
			found[c.JobID] = c
			return nil
		})
		if err != nil || end != atWork.Seq {
			t.Errorf("read up to %d, %v", end, err)
		}
		return found
	}
	all := read(0)
	if len(all) != 6 || !errors.Is(all[newer].Err, events.ErrNewer) || all[newer].Job.ID != "" {
		t.Errorf("%d jobs, the newer one %+v", len(all), all[newer])
	}
	for _, job := range []events.Job{atWork, ended, again, last} {
		c := all[job.ID]
		if c.Err != nil || c.Job.Seq != job.Seq || c.Job.Status != job.Status {
			t.Errorf("%s at %d is %+v at %d, %v", job.Status, job.Seq, c.Job.Status, c.Job.Seq, c.Err)
		}
	}
	if some := read(middle); len(some) != 2 || some[atWork.ID].Job.Seq != atWork.Seq || some[last.ID].Job.Seq != last.Seq {
		t.Errorf("after %d: %+v", middle, some)
	}
}
