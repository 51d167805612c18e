package gateway_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// Whatever happens to a job, another user gets no frame of it in either dialect, and no
// answer that gives away that it exists.
func TestNoFrameOfAJobReachesAnotherUser(t *testing.T) {
	r := newRig(t)
	token := mintToken(t, "bob", "province_admin", time.Hour)
	bob := dial(t, r.url, token)
	engine := dialEngine(t, r.url)
	engine.wantPrefix("0")
	engine.write(`40{"token":"` + token + `"}`)
	engine.wantPrefix("40")
	// Alice listens too: what she has got has gone out, so bob would have got it.
	alice := dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	for _, s := range []*socket{alice, bob} {
		s.send("ping", nil, 1)
		s.want("pong")
	}
	unknown := events.NewJobID()
	checkHidden := func(what, id string) {
		t.Helper()
		var answers []string
		for _, one := range []string{id, unknown} {
			bob.subscribe(one, 0)
			// no other frame comes before it
			answers = append(answers, strings.ReplaceAll(bob.want("error").raw, one, "ID"))
			engine.write(`4217["subscribe_bulk_upload_job","` + one + `"]`)
			answers = append(answers, engine.wantPrefix(`4317[{"error":`))
			bob.send("unsubscribe_bulk_upload_job", map[string]string{"job_id": one}, 2)
			answers = append(answers, strings.ReplaceAll(bob.want("ack").raw, one, "ID"))
		}
		if !slices.Equal(answers[:3], answers[3:]) {
			t.Errorf("after %s: %q", what, answers)
		}
	}
	seen := map[events.Kind]bool{}
	owner, boss := events.User{ID: "alice", Role: "member"}, events.User{ID: "boss", Role: "national_admin"}
	for _, course := range [][]events.Fact{
		{
			&events.Warned{Stage: events.StageIEC, Message: "Nearly spent.", Quota: events.Quota{Used: 9, Limit: 10}},
			&events.Paused{Stage: events.StageIEC, Reason: events.PauseQuota, Message: "Wait.",
				ResumesAt: time.Now().Add(time.Hour), Quota: &events.Quota{Used: 10, Limit: 10}},
			&events.Resumed{Stage: events.StageIEC},
			&events.Failed{Stage: events.StageIEC, Code: "x", Message: "No.", Attempts: 1, Retryable: true},
			&events.Retried{Stage: events.StageIEC, By: owner},
			&events.Cancelled{Stage: events.StageIEC, By: owner},
			&events.Erased{Reason: events.ErasedExpired, Status: events.StatusCancelled},
		},
		{
			proposal(events.ProposedNoWrite),
			&events.Approved{By: boss},
			proposal(events.ProposedChanged),
			&events.Declined{By: boss, Reason: "No."},
		},
		nil, // an ordinary job, to its end
	} {
		job := r.upload("alice")
		seen[job.Kind] = true
		alice.want("bulk_upload_progress")
		checkHidden("uploaded", job.ID)
		p := events.Progress{Service: events.StageValidation, Step: events.FileReading, Percent: 13,
			Status: events.StatusProcessing, Trigger: job.Trigger}
		if err := r.logs[events.StageValidation].SetProgress(t.Context(), &job, p); err != nil {
			t.Fatal(err)
		}
		if f := alice.want("bulk_upload_progress"); f.Seq != 0 {
			t.Fatalf("%s", f.raw)
		}
		seen[events.KindProgress] = true
		checkHidden("progress", job.ID)
		steps := course
		for range events.Stages {
			if job.Ended() || course != nil && job.Next() == stageOf(steps[0]) {
				break
			}
			r.step(&job)
			seen[job.Kind] = true
			if f, err := alice.next(); err != nil || f.Seq != job.Seq {
				t.Fatalf("%s %v", f.raw, err)
			}
			checkHidden(string(job.Kind), job.ID)
		}
		for _, fact := range steps {
			log := r.logs[stageOf(fact)]
			switch fact.FactKind() {
			case events.KindRetried, events.KindCancelled, events.KindApproved, events.KindDeclined:
				log = r.logs[events.StageUpload]
			case events.KindErased:
				log = events.NewLog(eventstest.Connect(t, r.nats, "privacy"), "privacy", nil)
			}
			eventstest.Append(t, log, &job, fact)
			seen[fact.FactKind()] = true
			if f, err := alice.next(); err != nil || f.Seq != job.Seq {
				t.Fatalf("%s: %s %v", fact.FactKind(), f.raw, err)
			}
			checkHidden(string(fact.FactKind()), job.ID)
		}
	}
	seen[events.KindArchived] = true // nobody hears of it: TestClientsNoticeNothingOfAnArchive
	for _, kind := range append(slices.Clone(events.Kinds), events.KindProgress) {
		if !seen[kind] {
			t.Errorf("no job of this test has a %s; add one (there were %v)", kind,
				slices.Sorted(maps.Keys(seen)))
		}
	}
	if err := bob.ws.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

// stageOf is the stage that appends a fact of the test's courses.
func stageOf(fact events.Fact) events.Stage {
	if fact.FactKind() == events.KindProposed {
		return events.StagePersistence
	}
	return events.StageIEC
}

// proposal is a valid fact.
func proposal(reason string) *events.Proposed {
	digest := strings.Repeat("0", 64)
	outcomes := events.Artifact{Bucket: events.BucketOutcomes, Name: events.NewJobID() + "/outcomes", SHA256: digest}
	return &events.Proposed{Reason: reason, Digest: digest, Outcomes: outcomes}
}
