package events_test

import (
	"slices"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// Kinds that a job has more than once are read one by one as far as that is quicker, and the
// whole log is the same either way.
func TestReplayReadsWhatIsBetweenTheNewestOfEachKind(t *testing.T) {
	for name, tt := range map[string]struct {
		retries  int
		requests uint64
	}{
		"once":                           {0, 1},
		"few times":                      {5, 1 + 8}, // uploaded, the last of each kind and the four others of both
		"many, so that the server looks": {40, 1 + 64 + 2},
	} {
		t.Run(name, func(t *testing.T) {
			srv := eventstest.Start(t)
			log := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
			alice := events.User{ID: "alice"}
			job := eventstest.Upload(t, log, alice, events.Artifact{}, events.Options{})
			other := eventstest.Upload(t, log, alice, events.Artifact{}, events.Options{})
			want := []uint64{job.Seq}
			for range tt.retries {
				for _, fact := range []events.Fact{
					&events.Cancelled{Stage: job.Stage, By: alice}, &events.Retried{Stage: job.Stage, By: alice},
				} {
					eventstest.Append(t, log, &job, fact)
					want = append(want, job.Seq)
				}
				eventstest.Append(t, log, &other, &events.Cancelled{Stage: other.Stage, By: alice})
				eventstest.Append(t, log, &other, &events.Retried{Stage: other.Stage, By: alice})
			}
			js := eventstest.Connect(t, srv, "gateway")
			before := js.Conn().Stats().OutMsgs
			list, err := events.NewLog(js, "gateway", nil).Replay(t.Context(), job.ID, 0)
			if err != nil {
				t.Fatal(err)
			}
			var got []uint64
			for _, e := range list {
				got = append(got, e.Seq)
			}
			if requests := js.Conn().Stats().OutMsgs - before; !slices.Equal(got, want) || requests != tt.requests {
				t.Errorf("%d requests, want %d; got %v, want %v", requests, tt.requests, got, want)
			}
		})
	}
}
