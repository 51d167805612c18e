package events_test

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall.example/events"
)

// TestFoldKeepsTheRulesOfAJob applies random facts in a random order.
func TestFoldKeepsTheRulesOfAJob(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := events.NewJobID()
		var j events.Job
		var terminal events.Kind
		for seq := uint64(1); seq <= 40; seq++ {
			stage := rapid.SampledFrom(events.Stages).Draw(t, "stage")
			retryable := rapid.Bool().Draw(t, "retryable")
			reason := rapid.SampledFrom([]string{events.ErasedExpired, events.ErasedPerson}).Draw(t, "reason")
			status := rapid.SampledFrom([]events.Status{
				events.StatusCompleted, events.StatusFailed, events.StatusCancelled, events.StatusDeclined,
			}).Draw(t, "status")
			fact := rapid.SampledFrom([]events.Fact{
				&events.Uploaded{Owner: alice}, &events.Validated{}, &events.Verified{},
				&events.Persisted{}, &events.Reported{},
				&events.Paused{Stage: stage}, &events.Resumed{Stage: stage},
				&events.Failed{Stage: stage, Retryable: retryable},
				&events.Cancelled{Stage: stage, By: alice}, &events.Retried{Stage: stage, By: alice},
				&events.Erased{Reason: reason, Status: status},
				&events.Proposed{}, &events.Approved{By: alice}, &events.Declined{By: alice},
			}).Draw(t, "fact")
			before := j
			event := events.Event{
				JobID: id, Kind: fact.FactKind(), Seq: seq, Owner: alice.ID, At: time.Unix(int64(seq), 0), Fact: fact,
			}
			if err := j.Apply(event); err != nil {
				if !reflect.DeepEqual(j, before) {
					t.Fatalf("a refused %s changed the job", fact.FactKind())
				}
				continue
			}
			if fact.FactKind() == events.KindErased {
				if terminal == "" {
					t.Fatalf("erased followed although the job has not ended: %+v", j)
				}
				if j.Kind != before.Kind || j.Status != before.Status || j.UpdatedAt != before.UpdatedAt || j.Seq != seq {
					t.Fatalf("erased changed how the job ended: %+v", j)
				}
				continue
			}
			if before.Expired() != nil {
				t.Fatalf("%s followed although the data is deleted", fact.FactKind())
			}
			if terminal != "" && fact.FactKind() != events.KindRetried {
				t.Fatalf("%s followed %s", fact.FactKind(), terminal)
			}
			if terminal == events.KindReported || terminal == events.KindDeclined {
				t.Fatalf("%s followed %s", fact.FactKind(), terminal)
			}
			terminal = ""
			if fact.FactKind().Terminal() {
				terminal = fact.FactKind()
			}
			if (j.Next() == "") != (j.Ended() || j.Awaiting()) || j.Seq != seq || j.FirstSeq == 0 {
				t.Fatalf("job %+v", j)
			}
			if (j.Status == events.StatusPaused) != (j.Paused != nil) {
				t.Fatalf("status %s with pause %v", j.Status, j.Paused)
			}
			switch {
			case j.Reported != nil && j.Persisted == nil,
				j.Persisted != nil && j.Verified == nil,
				j.Verified != nil && j.Validated == nil:
				t.Fatalf("a stage was skipped: %+v", j)
			}
			again := j
			if err := again.Apply(event); err != nil || !reflect.DeepEqual(again, j) {
				t.Fatalf("a fact applied twice changed the job, %v", err)
			}
		}
	})
}

func TestPercentStaysInItsBand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.SampledFrom([]events.Step{events.Initialization, events.FileReading, events.PreValidation,
			events.IECVerification, events.DatabaseOperations, events.ReportGeneration}).Draw(t, "step")
		from, to := step.Band()
		p := step.Percent(rapid.IntRange(-5, 2000).Draw(t, "done"), rapid.IntRange(-5, 1000).Draw(t, "total"))
		if p < from || p > to || p == 100 {
			t.Fatalf("%s at %d, band %d-%d", step, p, from, to)
		}
	})
}

func TestValidJobIDAcceptsOnlyItsOwnForm(t *testing.T) {
	if id := events.NewJobID(); !events.ValidJobID(id) {
		t.Fatalf("%s of NewJobID is not valid", id)
	}
	for _, id := range []string{
		"", "job-",
		"job-01890A5D-AC96-774B-BCCE-B302099A8057",
		"job-urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
		"01890a5d-ac96-774b-bcce-b302099a8057",
		"job-01890a5d-ac96-774b-bcce-b302099a805>",
		"job-01890a5dac96774bbcceb302099a8057",
	} {
		if events.ValidJobID(id) {
			t.Errorf("%q is valid", id)
		}
	}
}

func TestMaskIDHidesTheMiddle(t *testing.T) {
	if m := events.MaskID("8001015009087"); m != "800101*****87" {
		t.Fatal(m)
	}
	if m := events.MaskID("80010150090"); m != "*************" {
		t.Fatal(m)
	}
}
