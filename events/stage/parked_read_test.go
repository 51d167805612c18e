package stage_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
)

// pause appends a pause of the stage iec whose time has come.
func pause(t *testing.T, log *events.Log, job *events.Job) {
	t.Helper()
	eventstest.Append(t, log, job, &events.Paused{Stage: events.StageIEC, Reason: events.PauseQuota,
		Message: "The quota is spent.", ResumesAt: time.Now().Add(-time.Second), Total: 3})
}

// forgeResumed stores a fact resumed that is well formed and names another owner.
func forgeResumed(t *testing.T, srv *embedded.Server, job *events.Job) {
	t.Helper()
	js := eventstest.Connect(t, srv, "iec")
	s, err := js.Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	other := startIEC(t, srv, "mallory", events.Options{})
	log := logAs(t, srv, events.StageIEC)
	pause(t, log, &other)
	eventstest.Append(t, log, &other, &events.Resumed{Stage: events.StageIEC, Total: 3})
	real, err := s.GetMsg(t.Context(), other.Seq)
	if err != nil {
		t.Fatal(err)
	}
	msg := nats.NewMsg(events.Subject(job.ID, events.KindResumed))
	msg.Header = real.Header
	for _, guard := range []string{events.HeaderExpectedFilter, events.HeaderExpectedSeq, "Nats-Expected-Stream"} {
		msg.Header.Del(guard)
	}
	msg.Header.Set(events.HeaderSubject, job.ID)
	msg.Header.Set(events.HeaderMsgID, events.MsgID(job.ID, events.KindResumed, 77))
	msg.Header.Set(events.HeaderOwner, url.PathEscape("mallory"))
	msg.Data = []byte(`{"job_id":"` + job.ID + `","kind":"resumed","cause":77,"at":"2026-03-01T08:00:00Z",` +
		`"stage":"iec","rows_processed":0,"rows_total":3}`)
	if _, err := js.PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
}

// A process that starts loads the jobs that are still paused, however many ever were. It is
// not deceived about who goes on.
func TestAProcessThatStartsLoadsWhatIsStillPaused(t *testing.T) {
	srv := eventstest.Start(t)
	log := logAs(t, srv, events.StageIEC)
	const ever = 120
	for i := range ever {
		job := startIEC(t, srv, "alice", events.Options{})
		pause(t, log, &job)
		switch i % 3 {
		case 0:
			eventstest.Append(t, log, &job, &events.Failed{Stage: events.StageIEC, Code: "no", Message: "No.", Attempts: 1})
		case 1:
			eventstest.Append(t, logAs(t, srv, events.StageUpload), &job,
				&events.Cancelled{Stage: events.StageIEC, By: job.Owner})
		case 2:
			eventstest.Append(t, log, &job, &events.Resumed{Stage: events.StageIEC, Total: 3})
			eventstest.Append(t, log, &job, eventstest.Facts(job.ID)[1])
		}
	}
	g := &gate{open: true}
	before := runStage(t, srv, events.StageIEC, g.handle)
	before.waitSettled(t)
	before.stop()
	parked := startIEC(t, srv, "alice", events.Options{})
	pause(t, log, &parked)
	deceived := startIEC(t, srv, "alice", events.Options{})
	pause(t, log, &deceived)
	forgeResumed(t, srv, &deceived)

	s := runStage(t, srv, events.StageIEC, g.handle)
	for _, id := range []string{parked.ID, deceived.ID} {
		waitFor(t, srv, id, events.KindVerified)
	}
	s.stop()
	if sent := s.Log.JetStream().Conn().Stats().OutMsgs; sent > ever {
		t.Errorf("%d requests for %d jobs that ever paused", sent, ever)
	}
}
