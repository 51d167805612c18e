package api_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/services/api/apitest"
)

// finishDryRun brings a dry run to its end. Its outcomes have a salt, unless it is "".
func (r *rig) finishDryRun(id, salt string) {
	r.T.Helper()
	store := events.NewStore(eventstest.Connect(r.T, r.NATS, "persistence"))
	w, err := records.NewWriter[records.Outcome](store)
	if err != nil {
		r.T.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	outcomes, err := w.Store(r.T.Context(), store, events.BucketOutcomes, id+"/outcomes.1",
		records.Header{Artifact: "outcomes", JobID: id, Salt: salt})
	if err != nil {
		r.T.Fatal(err)
	}
	facts := eventstest.Facts(id)
	facts[2].(*events.Persisted).Outcomes = outcomes
	r.Append(id, facts...)
}

// dryRun uploads a dry run and brings it to its end.
func (r *rig) dryRun(who string, parts ...string) (id string) {
	r.T.Helper()
	id = r.Upload(who, append([]string{"dry_run", "true"}, parts...)...)
	r.finishDryRun(id, "salt")
	return id
}

func TestACommitIsAJobOfItsOwn(t *testing.T) {
	r := newRig(t)
	id := r.dryRun("alice member")
	dry, err := r.Log.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	a := r.Post("alice member", "/commit/"+id)
	if a.Status != 202 || a.Data["job_id"] != events.CommitJobID(id) || a.Data["user_id"] != "alice" ||
		a.Data["options"].(map[string]any)["commits"] != id {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	job, err := r.Log.Load(t.Context(), events.CommitJobID(id))
	if err != nil {
		t.Fatal(err)
	}
	if job.Uploaded.File != dry.Uploaded.File || job.FileName != dry.FileName || job.Options.DryRun {
		t.Errorf("%+v", job.Uploaded)
	}
	if b := r.Post("alice member", "/commit/"+id); b.Status != 200 || b.Data["job_id"] != job.ID {
		t.Errorf("twice: %d %s", b.Status, b.Raw)
	}
	if b := r.Post("alice member", "/cancel/"+job.ID); b.Status != 200 {
		t.Errorf("cancelled: %d %s", b.Status, b.Raw)
	}
	if b := r.Post("alice member", "/commit/"+id); b.Status != 200 || b.Data["status"] != "cancelled" {
		t.Errorf("asked for again: %d %s", b.Status, b.Raw)
	}
	if b := r.Post("alice member", "/retry/"+job.ID); b.Status != 202 {
		t.Errorf("retried: %d %s", b.Status, b.Raw)
	}
	r.Append(job.ID, eventstest.Facts(job.ID)...)
	if b := r.Post("alice member", "/commit/"+job.ID); b.Status != 409 || b.Error.Code != "not_allowed" {
		t.Errorf("a commit of a commit: %d %s", b.Status, b.Raw)
	}
	if b := r.Post("alice member", "/undo/"+job.ID); b.Status != 202 {
		t.Errorf("undone: %d %s", b.Status, b.Raw)
	}
}

// A commit has the options, the mapping and the area of its dry run.
func TestACommitIsLikeItsDryRun(t *testing.T) {
	r := newRig(t, defaultPolicy)
	const who = "p province_admin province=GP"
	id := r.dryRun(who, "mode", "update", "allow_clear", "true", "iec_verification", "false",
		"mapping", `{"Name": "surname"}`)
	if a := r.Post(who, "/commit/"+id); a.Status != 202 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	var jobs [2]events.Job
	for i, id := range []string{id, events.CommitJobID(id)} {
		var err error
		if jobs[i], err = r.Log.Load(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	dry, job := jobs[0], jobs[1]
	want := dry.Options
	want.DryRun, want.Commits = false, dry.ID
	if job.Options != want || want.Mode != events.ModeUpdate || !want.AllowClear || !want.SkipIEC {
		t.Errorf("%+v, want %+v", job.Options, want)
	}
	texts := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := texts(job.Uploaded.Mapping); got != texts(dry.Uploaded.Mapping) || !strings.Contains(got, "surname") {
		t.Errorf("mapping %s", got)
	}
	if got := texts(job.Area()); got != texts(dry.Area()) || job.Area().Level != events.AreaProvince {
		t.Errorf("area %s", got)
	}
}

func TestWhatCannotBeCommitted(t *testing.T) {
	r := newRig(t)
	expect := func(what, who, id string, status int, code string) {
		t.Helper()
		if a := r.Post(who, "/commit/"+id); a.Status != status || a.Error.Code != code {
			t.Errorf("%s: %d %s", what, a.Status, a.Raw)
		}
	}
	expect("nothing", "alice member", events.NewJobID(), 404, "not_found")

	id := r.Upload("alice member")
	r.Append(id, eventstest.Facts(id)...)
	expect("no dry run", "alice member", id, 409, "not_allowed")

	id = r.Upload("alice member", "dry_run", "true")
	expect("one that has just begun", "alice member", id, 409, "not_allowed")
	facts := eventstest.Facts(id)
	r.Append(id, facts[:3]...)
	expect("one without its report", "alice member", id, 409, "not_allowed")
	r.Append(id, &events.Failed{Stage: events.StageReport, Code: "broken", Message: "Broken.", Attempts: 5,
		Retryable: true})
	expect("one that failed", "alice member", id, 409, "not_allowed")

	id = r.Upload("alice member", "dry_run", "true")
	r.Post("alice member", "/cancel/"+id)
	expect("one that was cancelled", "alice member", id, 409, "not_allowed")

	id = r.dryRun("alice member")
	expect("somebody else's", "bob member", id, 404, "not_found")

	id = r.Upload("alice member", "dry_run", "true")
	r.finishDryRun(id, "")
	expect("one of an earlier version", "alice member", id, 409, "dry_run_too_old")

	id = r.Upload("alice member", "dry_run", "true")
	r.Append(id, eventstest.Facts(id)...) // without its outcomes
	expect("one whose outcomes are missing", "alice member", id, 502, "report_damaged")
}

// What the dry run has found may be kept no longer. The file is not needed.
func TestADryRunIsCommittedAsLongAsItIsKept(t *testing.T) {
	r := newRig(t)
	privacy := events.NewLog(eventstest.Connect(t, r.NATS, "privacy"), "privacy", nil)
	for i, status := range []int{202, 410, 410, 410, 410} {
		id := r.dryRun("alice member")
		job, err := r.Log.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		eventstest.Append(t, privacy, &job, &events.Erased{Reason: events.ErasedExpired, Status: job.Status,
			Removed: job.Inputs()[i : i+1]})
		if a := r.Post("alice member", "/commit/"+id); a.Status != status || status == 410 && a.Error.Code != "expired" {
			t.Errorf("without %s: %d %s", job.Inputs()[i].Name, a.Status, a.Raw)
		}
	}
}

func TestWhoMayCommit(t *testing.T) {
	r := newRig(t, defaultPolicy)
	for _, c := range []struct {
		name, dry, who string
		status         int
		code           string
		approval       bool
	}{
		{"may not write", wardAdmin, wardAdmin, 202, "", true},
		{"may write", "p province_admin province=GP", "p province_admin province=GP", 202, "", false},
		{"somebody who sees it", wardAdmin, "boss national_admin", 202, "", false},
		{"somebody of the same ward", wardAdmin, "bob ward_admin ward=79800001", 404, "not_found", false},
		{"may read no rows", wardAdmin, "alice member ward=79800001", 403, "forbidden", false},
		{"has moved", wardAdmin, "alice ward_admin ward=19100001", 403, "forbidden", false},
		{"has no place", wardAdmin, "alice ward_admin", 403, "forbidden", false},
		{"of the country by now", wardAdmin, "alice national_admin", 202, "", false},
		{"nobody", wardAdmin, "alice boss", 403, "forbidden", false},
	} {
		id := r.dryRun(c.dry)
		a := r.Post(c.who, "/commit/"+id)
		if a.Status != c.status || a.Error.Code != c.code {
			t.Errorf("%s: %d %s", c.name, a.Status, a.Raw)
			continue
		}
		if c.code != "" {
			continue
		}
		job, err := r.Log.Load(t.Context(), events.CommitJobID(id))
		if err != nil {
			t.Fatal(err)
		}
		asker, _, _ := strings.Cut(c.who, " ")
		owner, _, _ := strings.Cut(c.dry, " ")
		if job.Options.Approval != c.approval || job.Uploaded.Asker().ID != asker || job.Owner.ID != owner {
			t.Errorf("%s: %+v of %s, by %s", c.name, job.Options, job.Owner.ID, job.Uploaded.Asker().ID)
		}
	}
}

// Somebody who may read rows and not upload commits nothing.
func TestACommitTakesThePermissionToUpload(t *testing.T) {
	policy, err := access.Parse([]byte(`{"roles": {
		"clerk": {"area": "country", "may": ["upload", "verify", "read_status", "read_rows"]},
		"reader": {"area": "country", "may": ["read_status", "read_rows", "write"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *apitest.Config) {
		c.API.Policy, c.API.Authenticate = policy, apitest.Authenticate(policy)
	})
	id := r.dryRun("alice clerk")
	if a := r.Post("alice reader", "/commit/"+id); a.Status != 403 || a.Error.Details["permission"] != "upload" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

// A declined commit has written nothing: it may be asked for again.
func TestACommitMayBeAskedForAgainOnceDeclined(t *testing.T) {
	r := newRig(t, defaultPolicy)
	id := r.dryRun(wardAdmin)
	seen := map[string]bool{}
	for range 3 {
		a := r.Post(wardAdmin, "/commit/"+id)
		if a.Status != 202 {
			t.Fatalf("asked for: %d %s", a.Status, a.Raw)
		}
		commit := a.Data["job_id"].(string)
		if seen[commit] {
			t.Fatalf("%s again: %s", commit, a.Raw)
		}
		seen[commit] = true
		r.propose(commit, events.ProposedNoWrite)
		if b := r.Post(wardAdmin, "/approve/"+commit); b.Status != 403 {
			t.Errorf("alice approves her own: %d %s", b.Status, b.Raw)
		}
		if b := r.Do("boss national_admin", "POST", "/decline/"+commit, strings.NewReader(`{"reason":"No."}`),
			"application/json"); b.Status != 200 {
			t.Fatalf("declined: %d %s", b.Status, b.Raw)
		}
	}
}

// All who ask at the same moment get one job.
func TestManyCommitsAtOnceAreOne(t *testing.T) {
	r := newRig(t)
	id := r.dryRun("alice member")
	release := make(chan struct{})
	var all sync.WaitGroup
	ids := make([]any, 6)
	for i := range ids {
		all.Go(func() {
			<-release
			a := r.Post("alice member", "/commit/"+id)
			if a.Status != 202 && a.Status != 200 {
				t.Errorf("%d %s", a.Status, a.Raw)
			}
			ids[i] = a.Data["job_id"]
		})
	}
	close(release)
	all.Wait()
	for _, got := range ids {
		if got != events.CommitJobID(id) {
			t.Errorf("%v", ids)
		}
	}
	list, err := r.Log.Replay(t.Context(), events.CommitJobID(id), 0)
	if err != nil || len(list) != 1 {
		t.Errorf("%d events, %v", len(list), err)
	}
}
