package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/stage"
	"rollcall.example/gateway/client"
)

// dryRun uploads a roll as a dry run and returns the job once it has ended.
func (p *pipeline) dryRun(roll string, opts client.UploadOptions) events.Job {
	p.t.Helper()
	c, err := client.New(client.Config{URL: p.url, Token: p.token})
	if err != nil {
		p.t.Fatal(err)
	}
	opts.DryRun = true
	id, err := c.Upload(p.t.Context(), "roll.csv", strings.NewReader(roll), opts)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.waitForEnd(id, events.KindReported)
}

// commit commits a dry run by the command and returns the id of the job.
func (p *pipeline) commit(dry string) string {
	p.t.Helper()
	return jobIDs.FindString(mustRun(p.t, "commit", dry, "--server", p.url, "--token", p.token))
}

// countKinds counts the facts of a job by their kind.
func (p *pipeline) countKinds(jobID string) map[events.Kind]int {
	p.t.Helper()
	list, err := p.log.Replay(p.t.Context(), jobID, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	kinds := map[events.Kind]int{}
	for _, e := range list {
		kinds[e.Kind]++
	}
	return kinds
}

const commitRoll = "Ident,Firstname,Surname,Email,Nonsense\n" +
	"8001015009087,Some,New,(clear),x\n9001010001088,Other,Person,,x\n8001015009086,Wrong,Number,,x\n" +
	"8001015009087,Some,Again,,x\n8506155000084,Third,Person,,x\n"

// What a dry run has shown is what its commit writes, from what the dry run has found: the
// upload is gone by then, and the IEC is asked nothing. The commit is a job like any other.
func TestADryRunIsCommitted(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.start()
	p.waitForEnd(p.upload("first.csv", "Old"), events.KindReported)
	p.db.MustExec(`UPDATE members SET email = 'a@example.org' WHERE id_number = $1`, rollIDs[0])
	p.db.MustExec(`DELETE FROM members WHERE id_number = $1`, rollIDs[2])
	opts := client.UploadOptions{AllowClear: true, Mapping: map[string]string{"Ident": "id_number", "Nonsense": ""}}
	dry := p.dryRun(commitRoll, opts)
	before := p.dumpDatabase()
	defer p.damage("upload", dry.Uploaded.File, true)()

	id := p.commit(dry.ID)
	if id != events.CommitJobID(dry.ID) || p.commit(dry.ID) != id {
		t.Errorf("the commit is %s", id)
	}
	job := p.waitForEnd(id, events.KindReported)
	shown, wrote := dry.Reported, job.Reported
	if !shown.Database.DryRun || wrote.Database.DryRun {
		t.Errorf("%+v %+v", shown.Database, wrote.Database)
	}
	if shown.Database.DryRun = false; shown.Database != wrote.Database || shown.Validation != wrote.Validation {
		t.Errorf("shown %+v %+v\nwritten %+v %+v", shown.Validation, shown.Database, wrote.Validation, wrote.Database)
	}
	if s := wrote.Database; s.Inserts != 1 || s.Updates != 2 || s.Cleared != 1 || wrote.Validation.Duplicates != 1 ||
		wrote.Validation.InvalidIDs != 1 {
		t.Errorf("%+v %+v", wrote.Validation, s)
	}
	if calls := job.Verified.Stats.Calls; calls != 0 || job.Verified.Stats.Registered != dry.Verified.Stats.Registered {
		t.Errorf("the IEC's answers are %+v and were %+v", job.Verified.Stats, dry.Verified.Stats)
	}
	if len(job.Validated.Unused) != 1 || job.Validated.UnusedTotal != dry.Validated.UnusedTotal {
		t.Errorf("columns not used: %+v", job.Validated.ColumnUse)
	}
	for _, a := range job.Inputs()[1:] {
		if !strings.HasPrefix(a.Name, job.ID) {
			t.Errorf("%s belongs to another job", a.Name)
		}
	}

	// Its rows, its report, its rejects and its place in the history.
	for row, want := range map[string]string{"2": `"result":"updated"`, "6": `"result":"inserted"`,
		"4": `"accepted":false`} {
		if got := p.fetch("/jobs/" + id + "/rows/" + row); !strings.Contains(got, want) ||
			strings.Contains(got, `"dry_run":true`) {
			t.Errorf("row %s: %s", row, got)
		}
	}
	for part, want := range map[string]string{"report": "This writes what the dry run " + dry.ID + " has shown.",
		"rejects": "Row 4: The ID number has a wrong check digit"} {
		if got := p.fetch("/report/" + id + "?part=" + part); !strings.Contains(got, want) ||
			strings.Contains(got, "Dry run:") {
			t.Errorf("%s: %s", part, got)
		}
	}
	if status, _, data := p.call("GET", "/status/"+id); status != 200 ||
		data["options"].(map[string]any)["commits"] != dry.ID {
		t.Errorf("status: %d %v", status, data)
	}
	if got := p.fetch("/history"); !strings.Contains(got, id) {
		t.Errorf("history: %s", got)
	}

	undo := events.UndoJobID(id)
	p.steer("undo", id)
	p.waitForEnd(undo, events.KindReported)
	var email string
	if err := p.db.Get(&email, `SELECT email FROM members WHERE id_number = $1`, rollIDs[0]); err != nil ||
		email != "a@example.org" {
		t.Errorf("undone, the member has %q, %v", email, err)
	}
	if before == p.dumpDatabase() {
		t.Error("nothing was ever written")
	}
}

// A worker that is killed before or after its work, in any stage, does it again or not:
// the commit writes once and ends once.
func TestWorkersAreKilledInACommit(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.start()
	dry := p.dryRun(commitRoll, client.UploadOptions{SkipIEC: true, Mapping: map[string]string{"Ident": "id_number"}})
	for name := range p.handlers {
		var mu sync.Mutex
		tries := 0
		p.intercept(name, func(ctx context.Context, w *stage.Work, h stage.Handler) (events.Fact, error) {
			mu.Lock()
			tries++
			now := tries
			mu.Unlock()
			switch now {
			case 1:
				return nil, errors.New("killed before")
			case 2:
				if _, err := h(ctx, w); err != nil {
					return nil, err
				}
				return nil, errors.New("killed after")
			}
			return h(ctx, w)
		})
	}
	job := p.waitForEnd(p.commit(dry.ID), events.KindReported)
	if want := (events.DatabaseStats{Total: 3, Inserts: 3}); job.Persisted.Stats != want {
		t.Errorf("%+v", job.Persisted.Stats)
	}
	for _, kind := range []events.Kind{events.KindUploaded, events.KindValidated, events.KindVerified,
		events.KindPersisted, events.KindReported} {
		if kinds := p.countKinds(job.ID); kinds[kind] != 1 || len(kinds) != 5 {
			t.Fatalf("%v", kinds)
		}
	}
	var members, ledger int
	if err := p.db.Get(&members, `SELECT count(*) FROM members WHERE created_by_job = $1`, job.ID); err != nil {
		t.Fatal(err)
	}
	if err := p.db.Get(&ledger, `SELECT count(*) FROM job_ledger`); err != nil {
		t.Fatal(err)
	}
	if members != 3 || ledger != 1 {
		t.Errorf("%d members, %d in the ledger", members, ledger)
	}
}

// A commit that meets changed members ends once, as failed, and says which rows they are.
// One that is cancelled may be retried.
func TestACommitEndsOnce(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.start()
	opts := client.UploadOptions{SkipIEC: true, Mapping: map[string]string{"Ident": "id_number"}}
	stale, dry := p.dryRun(commitRoll, opts), p.dryRun(commitRoll, opts)
	p.intercept(events.StagePersistence, func(ctx context.Context, w *stage.Work, h stage.Handler) (events.Fact, error) {
		p.steer("cancel", w.Job.ID)
		<-ctx.Done()
		return nil, context.Cause(ctx)
	})
	id := p.commit(dry.ID)
	p.waitForEnd(id, events.KindCancelled)
	p.intercept(events.StagePersistence, nil)
	p.steer("retry", id)
	p.waitForEnd(id, events.KindReported)

	failed := p.waitForEnd(p.commit(stale.ID), events.KindFailed)
	if f := failed.Failed; f.Code != "members_changed" || f.Retryable || !strings.Contains(f.Message, "rows 2, 3 and 6.") {
		t.Errorf("%+v", f)
	}
	if kinds := p.countKinds(failed.ID); kinds[events.KindFailed] != 1 ||
		kinds[events.KindPersisted]+kinds[events.KindReported] != 0 {
		t.Errorf("%v", kinds)
	}
	said, err := runCommand(t, "commit", stale.ID, "--server", p.url, "--token", p.token)
	if err != nil || !strings.Contains(said, "rows 2, 3 and 6.") {
		t.Errorf("%v: %s", err, said)
	}
	if _, err := runCommand(t, "commit", id, "--server", p.url, "--token", p.token); err == nil ||
		!strings.Contains(err.Error(), "no dry run") {
		t.Errorf("%v", err)
	}
}
