package persistence

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	personlist "rollcall.example/events/person"
	"rollcall.example/events/records"
	"rollcall.example/events/refusal"
	"rollcall.example/events/stage"
)

// dryRun runs a dry run to its end.
func (s *rig) dryRun(t *testing.T, opts events.Options, list ...person) events.Job {
	t.Helper()
	opts.DryRun = true
	return s.report(t, s.waitKind(t, s.uploadVerified(t, opts, list).ID, events.KindPersisted))
}

// report appends the fact with which a job ends.
func (s *rig) report(t *testing.T, job events.Job) events.Job {
	t.Helper()
	report := events.NewLog(eventstest.Connect(t, s.srv, "report"), events.StageReport, nil)
	eventstest.Append(t, report, &job,
		&events.Reported{Report: eventstest.FakeArtifact(events.BucketReports, job.ID+"/report.xlsx")})
	return job
}

// commit begins the job that commits a dry run, as far as persistence.
func (s *rig) commit(t *testing.T, dry events.Job, change ...func(*events.Options)) events.Job {
	t.Helper()
	opts := dry.Options
	opts.DryRun, opts.Commits = false, dry.ID
	for _, f := range change {
		f(&opts)
	}
	return s.submitJob(t, opts, dry.Validated.Rows, dry.Verified.Verdicts)
}

func (s *rig) mustFail(t *testing.T, job events.Job, code string) events.Failed {
	t.Helper()
	job = s.waitKind(t, job.ID, events.KindFailed)
	if job.Failed.Code != code || job.Failed.Retryable {
		t.Fatalf("%+v", job.Failed)
	}
	return *job.Failed
}

func TestACommitWritesWhatTheDryRunHasShown(t *testing.T) {
	for name, c := range map[string]struct {
		opts events.Options
		want events.DatabaseStats
	}{
		"upsert": {want: events.DatabaseStats{Total: 4, Inserts: 1, Updates: 1, Unchanged: 1, Errors: 1}},
		"create": {events.Options{Mode: events.ModeCreate},
			events.DatabaseStats{Total: 4, Inserts: 1, Known: 2, Errors: 1}},
		"update": {events.Options{Mode: events.ModeUpdate},
			events.DatabaseStats{Total: 4, Updates: 1, Unchanged: 1, Unknown: 2}},
		"allow_clear": {events.Options{AllowClear: true},
			events.DatabaseStats{Total: 4, Inserts: 1, Updates: 1, Unchanged: 1, Errors: 1, Cleared: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := startStage(t, nil)
			s.upload(newPerson(1, registered("79800001", "32840123"), "firstname", "A", "email", "a@example.org"),
				newPerson(2, unverified, "firstname", "Same"))
			changed := newPerson(1, registered("79800002", "32840555"), "firstname", "B")
			if c.opts.AllowClear {
				changed.row.Clear = []string{"email"}
			}
			before := s.dumpMembers()
			dry := s.dryRun(t, c.opts, changed, newPerson(2, unverified, "firstname", "Same"), newPerson(3, unverified),
				newPerson(4, unverified, "age", "x"))
			if s.dumpMembers() != before {
				t.Fatal("the dry run has written")
			}
			shown := s.readOutcomes(t, dry.Persisted.Outcomes)
			for i := range shown {
				if len(shown[i].Digest) != 32 {
					t.Errorf("row %d has the digest %q", shown[i].N, shown[i].Digest)
				}
				shown[i].Digest = ""
			}
			job := s.waitKind(t, s.commit(t, dry).ID, events.KindPersisted)
			if job.Persisted.Stats != c.want {
				t.Errorf("wrote %+v, want %+v", job.Persisted.Stats, c.want)
			}
			promised := dry.Persisted.Stats
			if promised.DryRun = false; promised != job.Persisted.Stats {
				t.Errorf("shown %+v, written %+v", promised, job.Persisted.Stats)
			}
			wrote := s.readOutcomes(t, job.Persisted.Outcomes)
			if string(mustJSON(t, wrote)) != string(mustJSON(t, shown)) {
				t.Errorf("shown %s\nwritten %s", mustJSON(t, shown), mustJSON(t, wrote))
			}
			if c.opts.Mode != events.ModeCreate {
				s.expectMember(1, map[string]string{"firstname": "B", "updated_by_job": job.ID, "vd_code": "32840555"})
			}
			// A commit is taken back like any other job.
			undo := &events.Job{ID: events.UndoJobID(job.ID), Options: events.Options{Undoes: job.ID},
				Uploaded: &events.Uploaded{}, Validated: job.Validated}
			s.readUndo(t, undo, events.Country())
			if s.dumpMembers() != before {
				t.Error("the undo has not put all back")
			}
		})
	}
}

// What another job does to a member of the roll refuses the commit, and names the row;
// what it does to anybody else does not.
func TestMembersChangedSinceTheDryRun(t *testing.T) {
	s := startStage(t, nil)
	roll := func() []person {
		return []person{newPerson(1, unverified, "firstname", "B"), newPerson(2, unverified, "firstname", "Same"),
			newPerson(3, unverified, "firstname", "New")}
	}
	between := func(list ...person) func() {
		return func() { s.upload(list...) }
	}
	run := func(sql string, args ...any) func() {
		return func() { s.db.MustExec(sql, args...) }
	}
	for name, c := range map[string]struct {
		change func()
		want   string // "" if the commit is to be written
	}{
		"the value that the row changes": {between(newPerson(1, unverified, "firstname", "C")), "row 2."},
		"another value of that member":   {between(newPerson(1, unverified, "surname", "New")), "row 2."},
		"the same value":                 {between(newPerson(1, unverified, "firstname", "B")), "row 2."},
		"the IEC's answer":               {between(newPerson(1, registered("79800001", "32840123"))), "row 2."},
		"a member left alone":            {between(newPerson(2, unverified, "email", "b@example.org")), "row 3."},
		"somebody is a member by now":    {between(newPerson(3, unverified, "firstname", "New")), "row 4."},
		"two rows": {between(newPerson(1, unverified, "age", "3"), newPerson(3, unverified)),
			"rows 2 and 4."},
		"somebody is none any more": {run(`DELETE FROM members WHERE id_number = $1`, idNumber(2)), "row 3."},
		"all": {between(newPerson(1, unverified, "age", "3"), newPerson(2, unverified, "age", "3"),
			newPerson(3, unverified)), "rows 2, 3 and 4."},
		"somebody else": {between(newPerson(9, unverified, "firstname", "Other"), newPerson(8, unverified)), ""},
		"nobody":        {func() {}, ""},
		"another job, no value": {run(`UPDATE members SET updated_by_job = 'other', updated_at = now(),
  created_by_job = 'x'`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s.db.MustExec(`DELETE FROM members`)
			s.upload(newPerson(1, unverified, "firstname", "A", "email", "a@example.org"),
				newPerson(2, unverified, "firstname", "Same"), newPerson(9, unverified))
			dry := s.dryRun(t, events.Options{}, roll()...)
			c.change()
			before := s.dumpMembers()
			job := s.commit(t, dry)
			if c.want == "" {
				s.waitKind(t, job.ID, events.KindPersisted)
				s.expectMember(1, map[string]string{"firstname": "B", "updated_by_job": job.ID})
				s.expectMember(3, map[string]string{"created_by_job": job.ID})
			} else {
				failed := s.mustFail(t, job, FailedMembersChanged)
				if !strings.Contains(failed.Message, c.want) || !strings.Contains(failed.Message, "Nothing was written") {
					t.Errorf("%s", failed.Message)
				}
				if s.dumpMembers() != before || s.countRows("job_ledger WHERE job_id = '"+job.ID+"'") != 0 {
					t.Error("a refused commit has written")
				}
			}
		})
	}
}

// A change that was taken back is none.
func TestAMemberPutBackHasNotChanged(t *testing.T) {
	s := startStage(t, nil)
	s.upload(newPerson(1, unverified, "firstname", "A"))
	dry := s.dryRun(t, events.Options{}, newPerson(1, unverified, "firstname", "B"))
	other := s.mustWriteJob(newPerson(1, registered("79800001", "32840123"), "firstname", "C", "age", "40"))
	if _, _, err := s.undoAndRead(t.Context(), other.ID); err != nil {
		t.Fatal(err)
	}
	s.waitKind(t, s.commit(t, dry).ID, events.KindPersisted)
	s.expectMember(1, map[string]string{"firstname": "B"})
}

func TestARefusalNamesFiftyRows(t *testing.T) {
	s := startStage(t, nil)
	var list []person
	for i := range 60 {
		list = append(list, newPerson(i, unverified))
	}
	dry := s.dryRun(t, events.Options{}, list...)
	s.upload(list...)
	failed := s.mustFail(t, s.commit(t, dry), FailedMembersChanged)
	if !strings.Contains(failed.Message, "50, 51 and 10 more.") {
		t.Error(failed.Message)
	}
}

// A member outside of the area of the job is neither looked at nor compared.
func TestACommitLooksAtNoMemberOutside(t *testing.T) {
	s := startStage(t, nil)
	there := registered("19100001", "97090001")
	s.upload(newPerson(1, there, "ward", "19100001", "firstname", "Elsewhere"))
	here := registered("79800001", "32840123")
	roll := []person{newPerson(1, here, "ward", "79800001"), newPerson(2, here, "ward", "79800001")}
	begin := func(opts events.Options, rows, verdicts events.Artifact) events.Job {
		fact := &events.Uploaded{Owner: events.User{ID: "alice", Role: "member"}, FileName: "roll.xlsx", Options: opts,
			Area: &wardOne}
		fact.JobID = events.NewJobID()
		fact.File = eventstest.FakeArtifact(events.BucketUploads, fact.JobID+"/upload.xlsx")
		var job events.Job
		eventstest.Append(t, s.log, &job, fact)
		eventstest.Append(t, events.NewLog(eventstest.Connect(t, s.srv, "validation"), events.StageValidation, nil), &job,
			&events.Validated{Rows: rows, Rejects: eventstest.FakeArtifact(events.BucketRows, job.ID+"/rejects")})
		eventstest.Append(t, events.NewLog(eventstest.Connect(t, s.srv, "iec"), events.StageIEC, nil), &job,
			&events.Verified{Verdicts: verdicts})
		return job
	}
	whole := s.dryRun(t, events.Options{}, roll...) // of the whole country, for its artifacts
	dry := s.report(t, s.waitKind(t, begin(events.Options{DryRun: true}, whole.Validated.Rows,
		whole.Verified.Verdicts).ID, events.KindPersisted))
	if got := resultsOf(s.readOutcomes(t, dry.Persisted.Outcomes)); !slices.Equal(got,
		[]string{records.Transfer, records.Inserted}) {
		t.Fatalf("%v", got)
	}
	s.upload(newPerson(1, unverified, "firstname", "Changed"))
	job := begin(events.Options{Commits: dry.ID}, dry.Validated.Rows, dry.Verified.Verdicts)
	done := s.waitKind(t, job.ID, events.KindPersisted)
	if want := (events.DatabaseStats{Total: 2, Inserts: 1, Transfers: 1}); done.Persisted.Stats != want {
		t.Errorf("%+v", done.Persisted.Stats)
	}
}

// Who objects after the dry run is left out, and the others are written.
func TestACommitLeavesOutWhoObjectsMeanwhile(t *testing.T) {
	s := startStage(t, nil)
	writer := eventstest.Connect(t, s.srv, "privacy")
	key, err := personlist.NewKey(personlist.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	reader := eventstest.Connect(t, s.srv, "persistence")
	s.Service.objections = func(ctx context.Context) (*personlist.Objections, error) {
		return personlist.LoadObjections(ctx, reader, key)
	}
	dry := s.dryRun(t, events.Options{}, newPerson(1, unverified), newPerson(2, unverified))
	if err := personlist.Object(t.Context(), writer, key.Hash(idNumber(1)), "case", noon); err != nil {
		t.Fatal(err)
	}
	done := s.waitKind(t, s.commit(t, dry).ID, events.KindPersisted)
	if want := (events.DatabaseStats{Total: 2, Inserts: 1, Objected: 1}); done.Persisted.Stats != want {
		t.Errorf("%+v", done.Persisted.Stats)
	}
}

// A commit waits for approval like any other job. If members change while it waits, it
// is refused all the same.
func TestACommitWaitsForApproval(t *testing.T) {
	for _, changed := range []bool{false, true} {
		s := startStage(t, nil)
		s.upload(newPerson(1, unverified, "firstname", "A"))
		dry := s.dryRun(t, events.Options{}, newPerson(1, unverified, "firstname", "B"))
		job := s.commit(t, dry, func(o *events.Options) { o.Approval = true })
		job = s.waitKind(t, job.ID, events.KindProposed)
		if job.Proposed.Reason != events.ProposedNoWrite || job.Proposed.Stats.Updates != 1 {
			t.Errorf("%+v", job.Proposed)
		}
		if changed {
			s.upload(newPerson(1, unverified, "surname", "In between"))
		}
		s.decide(t, job, &events.Approved{By: approver})
		if changed {
			s.mustFail(t, job, FailedMembersChanged)
			s.expectMember(1, map[string]string{"firstname": "A"})
			continue
		}
		s.waitKind(t, job.ID, events.KindPersisted)
		s.expectMember(1, map[string]string{"firstname": "B"})
	}
}

func TestACommitOfManyChangesIsProposed(t *testing.T) {
	s := startStage(t, nil)
	s.upload(newPerson(1, unverified, "firstname", "A"), newPerson(2, unverified, "firstname", "A"))
	s.Service.approveAbove = 1
	dry := s.dryRun(t, events.Options{}, newPerson(1, unverified, "firstname", "B"),
		newPerson(2, unverified, "firstname", "B"))
	if job := s.waitKind(t, s.commit(t, dry).ID, events.KindProposed); job.Proposed.Reason != events.ProposedManyChanges {
		t.Errorf("%+v", job.Proposed)
	}
}

// A worker that is killed after its transaction, and before its fact, has written: what
// others change after it refuses nothing. One that is killed before has not.
func TestAWorkerIsKilledInACommit(t *testing.T) {
	var kill atomic.Int32
	var between func()
	s := startStage(t, func(h stage.Handler) stage.Handler {
		return func(ctx context.Context, w *stage.Work) (events.Fact, error) {
			switch kill.Swap(0) {
			case 1:
				return nil, errors.New("killed before")
			case 2:
				if _, err := h(ctx, w); err != nil {
					return nil, err
				}
				between()
				return nil, errors.New("killed after")
			}
			return h(ctx, w)
		}
	})
	s.upload(newPerson(1, unverified, "firstname", "A"))
	for killed := range int32(3) {
		name := string('B' + killed)
		dry := s.dryRun(t, events.Options{}, newPerson(1, unverified, "firstname", name))
		between = func() { s.upload(newPerson(1, unverified, "surname", "Later")) }
		kill.Store(killed)
		done := s.waitKind(t, s.commit(t, dry).ID, events.KindPersisted)
		if done.Persisted.Stats != (events.DatabaseStats{Total: 1, Updates: 1}) {
			t.Errorf("killed %d: %+v", killed, done.Persisted.Stats)
		}
		s.expectMember(1, map[string]string{"firstname": name})
		if n := s.countRows("job_ledger WHERE job_id = '" + done.ID + "'"); n != 1 {
			t.Errorf("killed %d: %d rows in the ledger", killed, n)
		}
	}
}

// A dry run of an earlier version has nothing to compare with.
func TestACommitOfAnOldDryRunIsRefused(t *testing.T) {
	s := startStage(t, nil)
	dry := s.dryRun(t, events.Options{}, newPerson(1, unverified))
	old := storeRecords(t, eventstest.Connect(t, s.srv, "persistence"), events.BucketOutcomes, dry.ID+"/old",
		[]records.Outcome{{N: 2, Result: records.Inserted}})
	s.replace(t, dry, dry.Persisted.Outcomes, old)
	s.mustFail(t, s.commit(t, dry), refusal.CodeDryRunTooOld)
	if s.countRows("members") != 0 {
		t.Error("written")
	}
}

// What the dry run has found may be gone when the commit comes to be written.
func TestACommitOfAForgottenDryRunIsRefused(t *testing.T) {
	s := startStage(t, nil)
	dry := s.dryRun(t, events.Options{}, newPerson(1, unverified))
	privacy := events.NewLog(eventstest.Connect(t, s.srv, "privacy"), "privacy", nil)
	gone := dry
	eventstest.Append(t, privacy, &gone, &events.Erased{Reason: events.ErasedExpired, Status: dry.Status,
		Removed: []events.Artifact{dry.Persisted.Outcomes}})
	s.mustFail(t, s.commit(t, dry), refusal.CodeExpired)
}

// replace replaces an artifact of a job as an erasure does.
func (s *rig) replace(t *testing.T, job events.Job, was, now events.Artifact) {
	t.Helper()
	eventstest.Append(t, events.NewLog(eventstest.Connect(t, s.srv, "privacy"), "privacy", nil), &job,
		&events.Erased{Reason: events.ErasedPerson, Status: job.Status,
			Replaced: []events.Replacement{{Was: was, Now: now}}})
}
