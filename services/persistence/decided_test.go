package persistence

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

func (s *rig) retry(t *testing.T, job events.Job) {
	t.Helper()
	s.decide(t, job, &events.Retried{Stage: job.Stage, By: job.Owner})
}

// failing wraps a handler so that it fails for good while it is switched on. A
// failed attempt has worked up to where the handler returns.
type failing struct{ on atomic.Bool }

func (f *failing) around(h stage.Handler) stage.Handler {
	return func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		if f.on.Load() {
			return nil, &stage.Rejection{Refusal: stage.Reject("broken", "Broken.", nil).Refusal, Retryable: true}
		}
		return h(ctx, w)
	}
}

// A job that was approved and failed before it wrote is written by a retry, as it was
// approved. If members have changed since, it is proposed again.
func TestARetryOfAnApprovedJobWritesWhatWasApproved(t *testing.T) {
	for _, changed := range []bool{false, true} {
		broken := &failing{}
		s := startStage(t, broken.around)
		s.upload(newPerson(1, unverified, "firstname", "A"))
		job := s.waitKind(t, s.uploadVerified(t, events.Options{Approval: true},
			[]person{newPerson(1, unverified, "firstname", "B")}).ID, events.KindProposed)
		broken.on.Store(true)
		s.decide(t, job, &events.Approved{By: approver})
		failed := s.waitKind(t, job.ID, events.KindFailed)
		s.expectMember(1, map[string]string{"firstname": "A"})
		broken.on.Store(false)
		if changed {
			s.upload(newPerson(1, unverified, "surname", "In between"))
		}
		s.retry(t, failed)
		if !changed {
			s.waitKind(t, job.ID, events.KindPersisted)
			s.expectMember(1, map[string]string{"firstname": "B"})
			continue
		}
		if again := s.waitKind(t, job.ID, events.KindProposed); again.Proposed.Reason != events.ProposedChanged ||
			again.Approved != nil {
			t.Errorf("%+v", again.Proposed)
		}
		s.expectMember(1, map[string]string{"firstname": "A"})
	}
}

// Whoever cancels a job that was approved takes the approval back: a retry proposes
// the job anew.
func TestARetryOfACancelledJobIsApprovedAnew(t *testing.T) {
	for _, approved := range []bool{false, true} {
		var block atomic.Bool
		began := make(chan struct{}, 1)
		s := startStage(t, func(h stage.Handler) stage.Handler {
			return func(ctx context.Context, w *stage.Work) (events.Fact, error) {
				if block.Load() {
					began <- struct{}{}
					<-ctx.Done()
					return nil, context.Cause(ctx)
				}
				return h(ctx, w)
			}
		})
		job := s.waitKind(t, s.uploadVerified(t, events.Options{Approval: true},
			[]person{newPerson(1, unverified)}).ID, events.KindProposed)
		if approved {
			block.Store(true)
			s.decide(t, job, &events.Approved{By: approver})
			<-began
			job = s.waitKind(t, job.ID, events.KindApproved)
		}
		s.decide(t, job, &events.Cancelled{Stage: events.StagePersistence, By: approver})
		cancelled := s.waitKind(t, job.ID, events.KindCancelled)
		block.Store(false)
		s.retry(t, cancelled)
		again := s.waitKind(t, job.ID, events.KindProposed)
		if again.Approved != nil || !again.Awaiting() || s.countRows("members") != 0 {
			t.Errorf("approved %t: %+v, %d members", approved, again.Approved, s.countRows("members"))
		}
		s.decide(t, again, &events.Approved{By: approver})
		s.waitKind(t, job.ID, events.KindPersisted)
		if s.countRows("members") != 1 {
			t.Errorf("%d members", s.countRows("members"))
		}
	}
}

// A job is cancelled after its commit, so its members are taken back, which waits for
// another job's lock. Meanwhile somebody retries it. The retry neither counts on what is
// about to go nor loses what it writes itself.
func TestARetryWhileACancelledJobIsTakenBack(t *testing.T) {
	for _, lateUndo := range []bool{false, true} {
		var s *rig
		var first atomic.Bool
		lock := make(chan *sqlx.Tx, 1)
		s = startStage(t, func(h stage.Handler) stage.Handler {
			return func(ctx context.Context, w *stage.Work) (events.Fact, error) {
				fact, err := h(ctx, w)
				if err != nil || first.Swap(true) {
					return fact, err
				}
				tx := s.db.MustBegin()
				if _, err := tx.Exec(`SELECT FROM members FOR UPDATE`); err != nil {
					return nil, err
				}
				lock <- tx
				job := w.Job
				eventstest.Append(t, s.log, &job, &events.Cancelled{Stage: job.Stage, By: job.Owner})
				<-ctx.Done()
				return fact, nil
			}
		})
		id := s.uploadVerified(t, events.Options{}, []person{newPerson(1, unverified), newPerson(2, unverified)}).ID
		tx := <-lock
		cancelled := s.waitKind(t, id, events.KindCancelled)
		waitBlocked := func(n int) {
			t.Helper()
			eventstest.Wait(t, fmt.Sprintf("%d to wait for a lock", n), func() bool {
				return s.countRows(`pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0
					AND datname = current_database()`) == n
			})
		}
		waitBlocked(1) // who takes the members back waits for the other job
		s.retry(t, cancelled)
		waitBlocked(2) // and the retry for them
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		job := s.waitKind(t, id, events.KindPersisted)
		if lateUndo { // of a worker that knows of the cancellation only
			if err := s.Undo(t.Context(), &cancelled); err != nil {
				t.Fatal(err)
			}
		}
		if n := s.countRows("members"); n != 2 || job.Persisted.Stats.Inserts != 2 || s.countRows("job_ledger") != 1 {
			t.Errorf("the log says %+v; there are %d members", job.Persisted.Stats, n)
		}
	}
}

// A job that waits cannot be retried.
func TestAJobThatWaitsIsNotRetried(t *testing.T) {
	s := startStage(t, nil)
	job := s.waitKind(t, s.uploadVerified(t, events.Options{Approval: true},
		[]person{newPerson(1, unverified)}).ID, events.KindProposed)
	fact := &events.Retried{Stage: job.Stage, By: job.Owner}
	if _, err := s.log.Append(t.Context(), &job, job.Seq, fact); !errors.Is(err, events.ErrNotAllowed) {
		t.Errorf("retried while it waits: %v", err)
	}
}

// undoOf uploads the undo of a job, which somebody has to approve.
func (s *rig) undoOf(t *testing.T, undone events.Job) events.Job {
	t.Helper()
	job := s.submitJob(t, events.Options{Undoes: undone.ID, Approval: true}, undone.Validated.Rows,
		undone.Verified.Verdicts)
	return s.waitKind(t, job.ID, events.KindProposed)
}

// The undo of somebody else's job writes nothing until it is approved, then exactly
// what it showed. A declined one leaves the members as they are.
func TestAnUndoWaitsForApproval(t *testing.T) {
	s := startStage(t, nil)
	s.upload(newPerson(1, unverified, "firstname", "A"))
	written := s.waitKind(t, s.uploadVerified(t, events.Options{},
		[]person{newPerson(1, unverified, "firstname", "B"), newPerson(2, unverified)}).ID, events.KindPersisted)
	before := s.dumpMembers()
	undo := s.undoOf(t, written)
	shown := s.readOutcomes(t, undo.Proposed.Outcomes)
	if p := undo.Proposed; p.Reason != events.ProposedUndo || p.Stats.Updates != 1 || p.Stats.Removed != 1 ||
		!undo.Awaiting() || s.dumpMembers() != before || len(shown) != 2 {
		t.Errorf("%+v, %+v", p, shown)
	}
	s.decide(t, undo, &events.Declined{By: approver, Reason: "no"})
	s.waitKind(t, undo.ID, events.KindDeclined)

	undo = s.undoOf(t, written)
	s.upload(newPerson(2, unverified, "surname", "In between"))
	s.decide(t, undo, &events.Approved{By: approver})
	var again events.Job
	eventstest.Wait(t, "the undo to be proposed again", func() bool {
		var err error
		again, err = s.log.Load(t.Context(), undo.ID)
		return err == nil && again.Proposed.Reason == events.ProposedChanged
	})
	if p := again.Proposed; p.Stats.Updates != 1 || p.Stats.Removed != 0 || p.Stats.Kept != 1 {
		t.Errorf("%+v", p)
	}
	s.expectMember(1, map[string]string{"firstname": "B"})
	s.decide(t, again, &events.Approved{By: approver})
	done := s.waitKind(t, undo.ID, events.KindPersisted)
	s.expectMember(1, map[string]string{"firstname": "A"})
	s.expectMember(2, map[string]string{"surname": "In between"})
	shown = s.readOutcomes(t, again.Proposed.Outcomes)
	for i, o := range s.readOutcomes(t, done.Persisted.Outcomes) {
		if o.N != shown[i].N || o.Result != shown[i].Result || o.After["vd_code"] != shown[i].After["vd_code"] {
			t.Errorf("shown %+v, written %+v", shown[i], o)
		}
		if o.N == 3 && o.Result != records.Kept {
			t.Errorf("%+v", o)
		}
	}
}
