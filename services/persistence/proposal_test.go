package persistence

import (
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
)

var approver = events.User{ID: "olga", Role: "national_admin"}

// decide appends a decision as upload does.
func (s *rig) decide(t *testing.T, job events.Job, fact events.Fact) {
	t.Helper()
	eventstest.Append(t, s.log, &job, fact)
}

func (s *rig) waitKind(t *testing.T, id string, kind events.Kind) events.Job {
	t.Helper()
	return eventstest.WaitKind(t, s.log, id, kind)
}

func TestAJobIsProposedAndWrittenOnceApproved(t *testing.T) {
	s := startStage(t, nil)
	s.upload(newPerson(1, unverified, "firstname", "A"))
	before := s.dumpMembers()
	list := []person{newPerson(1, unverified, "firstname", "B"), newPerson(2, unverified)}
	job := s.waitKind(t, s.uploadVerified(t, events.Options{Approval: true}, list).ID, events.KindProposed)
	p := job.Proposed
	if want := (events.DatabaseStats{Total: 2, Inserts: 1, Updates: 1, DryRun: true}); p.Stats != want ||
		p.Reason != events.ProposedNoWrite || len(p.Digest) != 64 {
		t.Errorf("%+v", p)
	}
	if s.dumpMembers() != before || s.countRows("job_ledger") != 1 {
		t.Error("a proposal has written")
	}
	if list := s.readOutcomes(t, p.Outcomes); len(list) != 2 || list[0].Result != records.Updated {
		t.Errorf("outcomes %+v", list)
	}
	s.decide(t, job, &events.Approved{By: approver})
	done := s.waitKind(t, job.ID, events.KindPersisted)
	if got := done.Persisted.Stats; got.DryRun || got.Inserts != 1 || got.Updates != 1 {
		t.Errorf("%+v", got)
	}
	s.expectMember(1, map[string]string{"firstname": "B", "updated_by_job": job.ID})
	if done.Standing.Percent < job.Standing.Percent {
		t.Errorf("the bar went from %d back to %d", job.Standing.Percent, done.Standing.Percent)
	}
}

// What was approved is what is written; if members have changed, it is proposed again.
func TestMembersChangedSinceTheProposal(t *testing.T) {
	s := startStage(t, nil)
	s.upload(newPerson(1, unverified, "firstname", "A"))
	job := s.waitKind(t, s.uploadVerified(t, events.Options{Approval: true},
		[]person{newPerson(1, unverified, "firstname", "B")}).ID, events.KindProposed)
	s.upload(newPerson(1, unverified, "surname", "In between"))
	s.decide(t, job, &events.Approved{By: approver})
	var again events.Job
	eventstest.Wait(t, "the job to be proposed again", func() bool {
		var err error
		again, err = s.log.Load(t.Context(), job.ID)
		return err == nil && again.Proposed.Reason == events.ProposedChanged
	})
	if again.Approved != nil || !again.Awaiting() || again.Proposed.Digest == job.Proposed.Digest {
		t.Errorf("%+v", again.Proposed)
	}
	s.expectMember(1, map[string]string{"firstname": "A"})
	s.decide(t, again, &events.Approved{By: approver})
	s.waitKind(t, job.ID, events.KindPersisted)
	s.expectMember(1, map[string]string{"firstname": "B", "surname": "In between"})
}

func TestADeclinedJobAndACancelledOneWriteNothing(t *testing.T) {
	s := startStage(t, nil)
	for _, end := range []events.Fact{&events.Declined{By: approver, Reason: "no"},
		&events.Cancelled{Stage: events.StagePersistence, By: events.User{ID: "alice", Role: "member"}}} {
		job := s.waitKind(t, s.uploadVerified(t, events.Options{Approval: true},
			[]person{newPerson(1, unverified)}).ID, events.KindProposed)
		s.decide(t, job, end)
		if now := s.waitKind(t, job.ID, end.FactKind()); now.Next() != "" || !now.Ended() {
			t.Errorf("%s: next is %q", end.FactKind(), now.Next())
		}
	}
	// The stage has gone on: another job passes.
	s.waitKind(t, s.uploadVerified(t, events.Options{}, []person{newPerson(3, unverified)}).ID, events.KindPersisted)
	if s.countRows("members") != 1 || s.countRows("job_ledger") != 1 {
		t.Errorf("%d members, %d in the ledger", s.countRows("members"), s.countRows("job_ledger"))
	}
}

// A dry run writes nothing, so nobody has to approve it.
func TestADryRunIsNotProposed(t *testing.T) {
	s := startStage(t, nil)
	s.waitKind(t, s.uploadVerified(t, events.Options{Approval: true, DryRun: true},
		[]person{newPerson(1, unverified)}).ID, events.KindPersisted)
}

// Above a number of changes somebody else looks at a job, whoever uploaded it.
func TestManyChangesAreProposed(t *testing.T) {
	s := startStage(t, nil)
	s.Service.approveAbove = 2
	var first, second []person
	for i := range 5 {
		first = append(first, newPerson(i, unverified, "firstname", "A"))
		second = append(second, newPerson(i, unverified, "firstname", "B"))
	}
	s.waitKind(t, s.uploadVerified(t, events.Options{}, first).ID, events.KindPersisted)
	s.waitKind(t, s.uploadVerified(t, events.Options{}, second[:2]).ID, events.KindPersisted)
	job := s.waitKind(t, s.uploadVerified(t, events.Options{}, second).ID, events.KindProposed)
	if job.Proposed.Reason != events.ProposedManyChanges || job.Proposed.Stats.Updates != 3 {
		t.Errorf("%+v", job.Proposed)
	}
	s.expectMember(4, map[string]string{"firstname": "A"})
	s.decide(t, job, &events.Approved{By: approver})
	s.waitKind(t, job.ID, events.KindPersisted)
	s.expectMember(4, map[string]string{"firstname": "B"})
}

// The digest of the same proposal is another one each time: nobody can look it up.
func TestTheDigestTellsNothing(t *testing.T) {
	s := startStage(t, nil)
	digests := map[string]bool{}
	for range 2 {
		job := s.waitKind(t, s.uploadVerified(t, events.Options{Approval: true},
			[]person{newPerson(1, unverified)}).ID, events.KindProposed)
		digests[job.Proposed.Digest] = true
	}
	if len(digests) != 2 {
		t.Error("two proposals of the same row have the same digest")
	}
}

// A worker that was killed between the commit and the fact finds what it wrote.
func TestAnApprovedJobThatIsWrittenIsNotProposedAgain(t *testing.T) {
	s := startStage(t, nil)
	s.upload(newPerson(1, unverified, "firstname", "A"))
	list := []person{newPerson(1, unverified, "firstname", "B")}
	job := s.waitKind(t, s.uploadVerified(t, events.Options{Approval: true}, list).ID, events.KindProposed)
	if _, _, err := s.writeJob(t.Context(), &job, list...); err != nil { // as the killed worker did
		t.Fatal(err)
	}
	s.decide(t, job, &events.Approved{By: approver})
	if done := s.waitKind(t, job.ID, events.KindPersisted); done.Persisted.Stats.Updates != 1 {
		t.Errorf("%+v", done.Persisted)
	}
}
