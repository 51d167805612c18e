package stage_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
)

// storeForged stores a message as a service would, with a body that says nothing.
func storeForged(t *testing.T, srv *embedded.Server, user string, kind events.Kind, jobID string, cause uint64) {
	t.Helper()
	msg := nats.NewMsg(events.Subject(jobID, kind))
	msg.Header.Set(events.HeaderMsgID, events.MsgID(jobID, kind, cause))
	msg.Data = fmt.Appendf(nil, `{"job_id":%q}`, jobID)
	if _, err := eventstest.Connect(t, srv, user).PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
}

// forgeCancelled makes the live subject say n times that a job was cancelled. The
// log holds nothing that says so.
func forgeCancelled(t *testing.T, srv *embedded.Server, jobID string, n int) {
	t.Helper()
	operator := eventstest.Connect(t, srv, "operator").Conn()
	heard, err := operator.SubscribeSync(events.LivePrefix + events.Subject(jobID, events.KindCancelled))
	if err == nil {
		err = operator.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		storeForged(t, srv, "upload", events.KindCancelled, jobID, uint64(1000+i))
		if _, err := heard.NextMsg(10 * time.Second); err != nil {
			t.Fatal(err)
		}
	}
}

// The live subject is no proof that a job was cancelled.
func TestAForgedCancelledOnTheLiveSubjectStopsNothing(t *testing.T) {
	srv := eventstest.Start(t)
	began, finish := make(chan struct{}), make(chan struct{})
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		close(began)
		select {
		case <-ctx.Done():
			t.Errorf("stopped: %v", context.Cause(ctx))
			return nil, ctx.Err()
		case <-finish:
			return validated(ctx, w)
		}
	})
	job := upload(t, srv)
	<-began
	forgeCancelled(t, srv, job.ID, 3)
	time.Sleep(300 * time.Millisecond) // several looks at the log
	close(finish)
	waitFor(t, srv, job.ID, events.KindValidated)
	s.waitSettled(t)
}

// A real cancellation after forged ones is still found.
func TestACancelAfterForgedOnesStopsTheHandler(t *testing.T) {
	srv := eventstest.Start(t)
	began := make(chan struct{})
	ended := make(chan error, 1)
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, _ *stage.Work) (events.Fact, error) {
		close(began)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil, ctx.Err()
	})
	job := upload(t, srv)
	<-began
	forgeCancelled(t, srv, job.ID, 20)
	eventstest.Append(t, logAs(t, srv, events.StageUpload), &job, &events.Cancelled{Stage: job.Stage, By: alice})
	select {
	case err := <-ended:
		if !errors.Is(err, stage.ErrCancelled) {
			t.Fatalf("cause %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the context of the handler did not end")
	}
	s.waitSettled(t)
}

// Somebody stores a message that nobody trusts under the id that the fact of the
// stage will have. The fact is stored all the same.
func TestAForgedMessageDoesNotTakeThePlaceOfAFact(t *testing.T) {
	srv := eventstest.Start(t)
	began, finish := make(chan struct{}), make(chan struct{})
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		close(began)
		<-finish
		return validated(ctx, w)
	})
	job := upload(t, srv)
	<-began
	storeForged(t, srv, "validation", events.KindValidated, job.ID, job.Seq)
	close(finish)
	job = waitFor(t, srv, job.ID, events.KindValidated)
	s.waitSettled(t)
	eventstest.RunStage(t, srv, events.StageIEC, func(_ context.Context, w *stage.Work) (events.Fact, error) {
		return eventstest.Facts(w.Job.ID)[1], nil
	})
	waitFor(t, srv, job.ID, events.KindVerified)
}

// storeLikeAFact stores a message of the kind as the user upload would. Only
// from says that it came from another stream.
func storeLikeAFact(
	t *testing.T, srv *embedded.Server, kind events.Kind, jobID string, cause uint64, from string,
) {
	t.Helper()
	msg := nats.NewMsg(events.Subject(jobID, kind))
	for name, value := range map[string]string{
		events.HeaderMsgID: events.MsgID(jobID, kind, cause), events.HeaderSubject: jobID,
		events.HeaderType: "rollcall.bulk." + string(kind), events.HeaderOwner: url.PathEscape(alice.ID),
	} {
		msg.Header.Set(name, value)
	}
	if from != "" {
		msg.Header.Set("Nats-Stream", from)
	}
	msg.Data = fmt.Appendf(nil, `{"job_id":%q,"type":%q,"at":%q,"cause_seq":%d,"stage":"validation",`+
		`"by":{"id":"hq","role":"national_admin"}}`, jobID, kind, time.Now().UTC().Format(time.RFC3339Nano), cause)
	if _, err := eventstest.Connect(t, srv, "upload").PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
}

// A retried fact of a job that was never uploaded is not delivered for ever.
func TestAMessageOfAJobThatDoesNotExistIsTerminated(t *testing.T) {
	srv := eventstest.Start(t)
	storeLikeAFact(t, srv, events.KindRetried, events.NewJobID(), 1, "")
	s := runStage(t, srv, events.StageValidation, validated, func(r *stage.Runner) {
		r.Now = func() time.Time { return time.Now().Add(2 * time.Minute) }
	})
	s.waitSettled(t)
}

// Whoever may ask the server for a stored message can lead the answer into the
// log. The server says in the answer where it comes from.
func TestAnAnswerOfTheServerIsNoFact(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	log := logAs(t, srv, events.StageValidation)
	storeLikeAFact(t, srv, events.KindCancelled, job.ID, job.Seq, "OBJ_ROWS")
	now, err := log.Load(t.Context(), job.ID)
	if err != nil || now.Cancelled != nil {
		t.Fatalf("%+v, %v", now.Cancelled, err)
	}
	// The same without that header is a fact, so the header made the difference.
	other := upload(t, srv)
	storeLikeAFact(t, srv, events.KindCancelled, other.ID, other.Seq, "")
	if now, err = log.Load(t.Context(), other.ID); err != nil || now.Cancelled == nil {
		t.Fatalf("%+v, %v", now.Cancelled, err)
	}
	s := runStage(t, srv, events.StageValidation, validated)
	waitFor(t, srv, job.ID, events.KindValidated)
	s.waitSettled(t)
}
