package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"rollcall.example/events"
	"rollcall.example/services/api"
	"rollcall.example/services/app"
	"rollcall.example/services/privacy"
)

// runForPerson runs erase or export with the environment that up leaves in its data folder.
func (r *goldenRig) runForPerson(dir, command, id string, more ...string) (string, error) {
	r.t.Helper()
	env, err := os.ReadFile(filepath.Join(dir, app.PrivacyEnv))
	if err != nil {
		r.t.Fatal(err)
	}
	said := map[string]string{}
	for _, m := range regexp.MustCompile(`export (\w+)='([^']*)'`).FindAllStringSubmatch(string(env), -1) {
		said[m[1]] = m[2]
	}
	var out, errs bytes.Buffer
	// Flags are read from the environment of the process, passwords from this one.
	policy := filepath.Join(r.t.TempDir(), "policy.json") // without four eyes
	if err := os.WriteFile(policy, []byte(`{"roles": {"officer": {"area": "", "may": ["erase", "export"]}}}`),
		0o600); err != nil {
		r.t.Fatal(err)
	}
	args := []string{command, "--id", id, "--nats", said["ROLLCALL_NATS"], "--policy", policy}
	args = append(args, more...)
	err = run(r.t.Context(), args, &out, &errs, func(name string) string { return said[name] })
	if found := idNumbers.FindString(errs.String()); found != "" {
		r.t.Errorf("an ID number on the standard error of %s", command)
	}
	return out.String(), err
}

// allJobs returns the jobs of the log.
func (r *goldenRig) allJobs() map[string]events.Job {
	r.t.Helper()
	all := map[string]events.Job{}
	_, err := r.log.Changes(r.t.Context(), 0, func(c events.Change) error {
		all[c.JobID] = c.Job
		return c.Err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// findID returns the names of the stored objects that hold an ID number, as text or
// compressed.
func (r *goldenRig) findID(id string) (where []string) {
	r.t.Helper()
	store := r.artifacts()
	for _, j := range r.allJobs() {
		for _, a := range j.Artifacts() {
			file, err := store.Fetch(r.t.Context(), a)
			if err != nil {
				r.t.Fatal(err)
			}
			data, err := io.ReadAll(file)
			if err = errors.Join(err, file.Close()); err != nil {
				r.t.Fatal(err)
			}
			if strings.Contains(strings.ReplaceAll(textOf(r.t, data), " ", ""), id) {
				where = append(where, a.Name)
			}
		}
	}
	return where
}

// textOf returns the text of a workbook's parts, of an artifact of records, or of any other
// file.
func textOf(t *testing.T, data []byte) string {
	t.Helper()
	if zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data))); err == nil {
		var text strings.Builder
		for _, f := range zr.File {
			part, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.Copy(&text, part)
			if err = errors.Join(err, part.Close()); err != nil {
				t.Fatal(err)
			}
		}
		return text.String()
	}
	zr, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer zr.Close()
	if text, err := zr.DecodeAll(data, nil); err == nil {
		return string(text)
	}
	return string(data)
}

// A person of two jobs, in one of them twice, is erased from tables and artifacts. The
// reports are made again; figures, events and everybody else stay.
func TestErase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := newGoldenRigIn(t, dir)
	const id, other = "8001015009087", "9001010001088"
	first := r.run(r.csv("ID number,First name\n" +
		"8001015009087,Thandi\n9001010001088,Sipho\n800101 5009 087,Thandi again\n"))
	second := r.run(r.csv("ID number,First name\n9001010001088,Sipho\n8001015009087,Thandiwe\n"))
	third := r.run(r.csv("ID number,First name\n9001010001088,Sipho\n"))
	undo := r.undoJob(second.ID)
	if where := r.findID(id); len(where) < 6 {
		t.Fatalf("before, the person is in %v", where)
	}

	exported, err := r.runForPerson(dir, "export", id)
	if err != nil {
		t.Fatal(err)
	}
	var all privacy.Holdings
	if err := json.Unmarshal([]byte(exported), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Jobs) != 3 || len(all.Changes) != 3 || !strings.Contains(string(all.Member), `"Thandi"`) ||
		all.Answer == nil || len(all.Busy)+len(all.Unread) != 0 {
		t.Errorf("exported %s", exported)
	}
	if j := all.Jobs[0]; j.JobID != first.ID || len(j.Rows) != 1 || len(j.Rejects) != 1 || len(j.Verdicts) != 1 ||
		len(j.Outcomes) != 1 || !j.InUpload || !j.InReport {
		t.Errorf("exported of the first job: %+v", all.Jobs[0])
	}
	if strings.Contains(exported, other) {
		t.Error("somebody else was exported too")
	}

	if said, err := r.runForPerson(dir, "erase", "800101500908"); err == nil {
		t.Errorf("12 digits are an ID number: %s", said)
	}
	story := func() string { return mustRun(t, "member", id, "--server", r.up.url(), "--token", r.token) }
	if told := story(); !strings.Contains(told, first.ID) || !strings.Contains(told, second.ID) {
		t.Errorf("the person's story: %s", told)
	}
	said, err := r.runForPerson(dir, "erase", id)
	if err != nil || strings.Count(said, "taken out of its artifacts") != 3 || !strings.Contains(said, "Nothing of") ||
		!strings.Contains(said, "members: 1 removed") {
		t.Fatalf("%v\n%s", err, said)
	}
	if where := r.findID(id); len(where) != 0 {
		t.Errorf("the person is still in %v", where)
	}
	if where := r.findID(other); len(where) < 6 {
		t.Errorf("somebody else is only in %v", where)
	}
	var left int
	const count = `SELECT (SELECT count(*) FROM members WHERE id_number = $1) +
		(SELECT count(*) FROM job_outcomes WHERE id_number = $1)`
	if err := r.db.Get(&left, count, id); err != nil || left != 0 {
		t.Errorf("%d rows are left, %v", left, err)
	}
	if n := r.count("members"); n != 1 {
		t.Errorf("%d members", n)
	}
	for _, was := range []events.Job{first, second, third, undo} {
		now, err := r.log.Load(t.Context(), was.ID)
		if err != nil {
			t.Fatal(err)
		}
		if now.Reported.Validation != was.Reported.Validation || now.Reported.Database != was.Reported.Database ||
			now.Status != was.Status || !now.UpdatedAt.Equal(was.UpdatedAt) {
			t.Errorf("figures of %s: %+v, were %+v", was.ID, now.Reported, was.Reported)
		}
		if touched := len(now.Erasures) > 0; touched != (was.ID != third.ID) {
			t.Errorf("%s was touched: %t", was.ID, touched)
		}
		if said, err := r.verify(was.ID); err != nil {
			t.Errorf("verify %s: %v\n%s", was.ID, err, said)
		}
		r.report(now)
	}
	if out, err := runCommand(t, "row", first.ID, "2", "--server", r.up.url(), "--token", r.token); err == nil {
		t.Errorf("the row is still told: %s", out)
	}
	if told := story(); !strings.Contains(told, "named in 0 rows") || strings.Contains(told, "Thandi") {
		t.Errorf("an erased person has a story: %s", told)
	}
	if out := mustRun(t, "row", first.ID, "3", "--server", r.up.url(), "--token", r.token); !strings.Contains(out, other) {
		t.Errorf("another row: %s", out)
	}
	if out := mustRun(t, "history", first.ID, "--server", r.up.url(), "--token", r.token); !strings.Contains(out,
		"a person was erased") {
		t.Errorf("history: %s", out)
	}

	// A second time there is nothing to do.
	if said, err := r.runForPerson(dir, "erase", id); err != nil || strings.Contains(said, "taken out") ||
		!strings.Contains(said, "members: 0 removed") {
		t.Errorf("again: %v\n%s", err, said)
	}
	exported, err = r.runForPerson(dir, "export", id)
	if err != nil || !strings.Contains(exported, `"member": null`) || !strings.Contains(exported, `"jobs": []`) ||
		strings.Contains(exported, "iec_answer") {
		t.Errorf("%v\n%s", err, exported)
	}
	var audited []string
	for a, err := range events.ReadAccesses(context.Background(), r.log.JetStream(), first.ID) {
		if err != nil {
			t.Fatal(err)
		}
		if a.CaseID != "" && a.By.Role == "operator" && a.Person != "" {
			audited = append(audited, string(a.What))
		}
	}
	if strings.Join(audited, " ") != "export erasure" {
		t.Errorf("audited %v", audited)
	}
	again := "ID number,First name\n8001015009087,Thandi\nID:8001015009087,Thandi\n9001010001088,Sipho\n"
	job := r.run(r.csv(again))
	if job.Validated.Stats.Objected != 2 || job.Persisted.Stats.Inserts != 0 || job.Persisted.Stats.Unchanged != 1 {
		t.Errorf("uploaded again: %+v, %+v", job.Validated.Stats, job.Persisted.Stats)
	}
	for _, a := range []events.Artifact{job.Validated.Rows, job.Validated.Rejects, job.Reported.Report} {
		if slices.Contains(r.findID(id), a.Name) {
			t.Errorf("uploaded again, the person is in %s", a.Name)
		}
	}
	if said, err := r.runForPerson(dir, "object", id, "--lift"); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	if job := r.run(r.csv("ID number,First name\n8001015009087,Thandi\n")); job.Persisted.Stats.Inserts != 1 {
		t.Errorf("uploaded after the objection was lifted: %+v", job.Persisted.Stats)
	}
}

// Everything is kept for a moment only. Whatever is asked for later is reported as gone.
func TestExpiredDataIsReportedAsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := newGoldenRigIn(t, dir, "--keep-uploads", "1s", "--keep-artifacts", "1s", "--keep-reports", "1s", "--keep-audit",
		"12h")
	shown := mustRun(t, "upload", r.csv("ID number\n8001015009087\n1\n"), "--watch", "--server", r.up.url(), "--token",
		r.token)
	id := jobIDs.FindString(shown)
	var job events.Job
	r.up.wait("the data to go", func() bool {
		var err error
		if job, err = r.log.Load(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return job.Ended() && len(job.Artifacts()) == 0 && r.count("job_outcomes") == 0
	})
	for _, path := range []string{"GET /report/" + id, "GET /report/" + id + "?part=rejects",
		"GET /jobs/" + id + "/rows/2", "GET /jobs/" + id + "/rows", "POST /undo/" + id} {
		method, path, _ := strings.Cut(path, " ")
		req, err := http.NewRequestWithContext(t.Context(), method, r.up.url()+api.Base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+r.token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Message string
			Error   struct {
				Code    string
				Details map[string]any
			}
		}
		err = errors.Join(json.NewDecoder(resp.Body).Decode(&answer), resp.Body.Close())
		if err != nil || resp.StatusCode != http.StatusGone || answer.Error.Code != "expired" ||
			answer.Error.Details["reason"] != "expired" ||
			!strings.Contains(answer.Message, "kept no longer") {
			t.Errorf("%s %s: %d %+v, %v", method, path, resp.StatusCode, answer, err)
		}
	}
	status := mustRun(t, "status", id, "--json", "--server", r.up.url(), "--token", r.token)
	if !strings.Contains(strings.Join(strings.Fields(status), ""),
		`"removed":["upload","rows","rejects","verdicts","outcomes","report"]`) || !strings.Contains(status, "completed") {
		t.Errorf("status %s", status)
	}
	if said, err := r.verify(id); err != nil || strings.Count(said, "\nremoved ") != 9 {
		t.Errorf("verify: %v\n%s", err, said)
	}
	if said, err := r.whatIf(id, `{"youngest": 20}`); err == nil || !strings.Contains(err.Error(), "no longer kept") {
		t.Errorf("what if: %v %s", err, said)
	}
	if out := mustRun(t, "history", id, "--server", r.up.url(), "--token", r.token); !strings.Contains(out,
		"data was removed because its retention period is over") {
		t.Errorf("history: %s", out)
	}
	if n := r.count("members"); n != 1 {
		t.Errorf("%d members: they are not what is kept for a time", n)
	}
	// Exporting and erasing somebody whom no job holds any more, or nobody knows, is
	// audited too.
	for _, person := range []string{"8001015009087", "9001010001088"} {
		for _, command := range []string{"export", "erase"} {
			if said, err := r.runForPerson(dir, command, person); err != nil {
				t.Errorf("%s: %v\n%s", command, err, said)
			}
		}
	}
	var audited []string
	for a, err := range events.ReadAccesses(t.Context(), r.log.JetStream(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if a.CaseID != "" {
			audited = append(audited, string(a.What))
		}
	}
	each := "request export request erasure"
	if n := r.count("members"); n != 0 || strings.Join(audited, " ") != each+" "+each {
		t.Errorf("%d members, audited %v", n, audited)
	}
	audit, err := r.log.JetStream().Stream(t.Context(), events.StreamAudit)
	if err != nil || audit.CachedInfo().Config.MaxAge != 12*time.Hour {
		t.Errorf("the audit is kept: %v", err)
	}
}
