package gateway_test

import (
	"slices"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/gateway"
)

// A job is archived while clients follow it. They hear nothing of that and stay where they
// are; whoever comes later gets what came before; and what happens next reaches all.
func TestClientsNoticeNothingOfAnArchive(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.CheckInterval = 5 * time.Millisecond })
	privacy := events.NewLog(eventstest.Connect(t, r.nats, "privacy"), "privacy", nil)
	job := r.upload("alice")
	eventstest.Append(t, r.logs[events.StageUpload], &job, &events.Cancelled{Stage: job.Stage, By: job.Owner})
	token := mintToken(t, "alice", "member", time.Hour)
	history := func(s *socket, after uint64, frames int) (list []string) {
		t.Helper()
		s.subscribe(job.ID, after)
		list = append(list, s.want("ack").raw)
		for range frames {
			f, err := s.next()
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, f.raw)
		}
		return list
	}
	watcher := dial(t, r.url, token)
	whole, rest := history(watcher, 0, 2), history(dial(t, r.url, token), job.FirstSeq, 1)
	owner := dial(t, r.url, token) // follows no job, and gets those of its user

	if _, err := privacy.Archive(t.Context(), job.ID, job.Seq); err != nil {
		t.Fatal(err)
	}
	now, err := privacy.Load(t.Context(), job.ID)
	if err != nil || now.Archived == 0 {
		t.Fatalf("%+v, %v", now, err)
	}
	r.upload("bob")                        // once it has gone out, the archive has passed
	_, other, _ := startGateway(t, r.nats) // has no history in memory
	for _, url := range []string{r.url, other} {
		if again := history(dial(t, url, token), 0, 2); !slices.Equal(again, whole) {
			t.Errorf("from the beginning:\n%s\n%s", again, whole)
		}
		if again := history(dial(t, url, token), job.FirstSeq, 1); !slices.Equal(again, rest) {
			t.Errorf("after the first:\n%s\n%s", again, rest)
		}
		// The archive's own place in the stream is one that a client may name.
		history(dial(t, url, token), now.Archived, 0)
	}
	eventstest.Append(t, r.logs[events.StageUpload], &now, &events.Retried{Stage: now.Stage, By: now.Owner})
	for who, s := range map[string]*socket{"who follows the job": watcher, "its owner": owner} {
		if f := s.want("bulk_upload_progress"); f.Seq != now.Seq {
			t.Errorf("%s: %s", who, f.raw)
		}
	}
}
