package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events"
	"rollcall.example/services/app"
	listed "rollcall.example/services/jobs"
)

// archiver returns the log as the service privacy has it.
func (r *goldenRig) archiver(dir string) *events.Log {
	r.t.Helper()
	env, err := os.ReadFile(filepath.Join(dir, app.PrivacyEnv))
	if err != nil {
		r.t.Fatal(err)
	}
	password := regexp.MustCompile(`ROLLCALL_NATS_PASSWORD_PRIVACY='([^']*)'`).FindSubmatch(env)
	if password == nil {
		r.t.Fatalf("no password in %s", app.PrivacyEnv)
	}
	js, err := events.Connect(events.Connection{URL: r.nats["NATS_URL"], User: "privacy", Password: string(password[1])})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(js.Conn().Close)
	return events.NewLog(js, "privacy", nil)
}

// answersAbout returns what every reader says of a job, by its question.
func (r *goldenRig) answersAbout(job events.Job) map[string]string {
	r.t.Helper()
	all := map[string]string{}
	server := []string{"--server", r.up.url(), "--token", r.token}
	middle := strconv.FormatUint(job.FirstSeq, 10)
	for _, args := range [][]string{
		{"status", job.ID}, {"status", job.ID, "--json"}, {"status", job.ID, "--json", "--at-seq", middle},
		{"history", job.ID}, {"history", job.ID, "--json"}, {"rows", job.ID}, {"row", job.ID, "2"},
		{"jobs"},
	} {
		out, err := runCommand(r.t, append(args, server...)...)
		all[strings.Join(args, " ")] = fmt.Sprint(out, err)
	}
	said, err := r.verify(job.ID)
	all["verify"] = fmt.Sprint(said, err)
	for _, path := range []string{
		"/status/" + job.ID, "/report/" + job.ID, "/report/" + job.ID + "?format=rejects", "/jobs/" + job.ID + "/rows",
		"/history", "/stats", "/waiting",
	} {
		all[path] = r.get("/api/v1/bulk-upload" + path)
	}
	for _, after := range []uint64{0, job.FirstSeq} {
		all[fmt.Sprintf("WebSocket after %d", after)] = r.replay(job, after)
	}
	return all
}

// get returns the answer to a request over REST, without what is another one each time.
func (r *goldenRig) get(path string) string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.up.url()+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	own := regexp.MustCompile(`"(timestamp|request_id)":"[^"]*"`)
	return fmt.Sprintf("%d %s", resp.StatusCode, own.ReplaceAll(body, nil))
}

// replay returns the frames of a subscription up to the job's last event.
func (r *goldenRig) replay(job events.Job, after uint64) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, r.up.url()+"/ws",
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + r.token}}})
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	ask := fmt.Sprintf(`{"event":"subscribe_bulk_upload_job","data":{"job_id":%q,"after":%d},"id":1}`, job.ID, after)
	if err := ws.Write(ctx, websocket.MessageText, []byte(ask)); err != nil {
		r.t.Fatal(err)
	}
	var all strings.Builder
	for last := fmt.Sprintf(`"seq":%d,`, job.Seq); !strings.Contains(all.String(), last); {
		_, text, err := ws.Read(ctx)
		if err != nil {
			r.t.Fatalf("%v after %s", err, all.String())
		}
		all.Write(text)
		all.WriteString("\n")
	}
	return all.String()
}

// Jobs that have ended in several ways are archived under a running rollcall. Each reader says
// of them, byte for byte, what it said before; so it does when the list of jobs is made
// anew. What can be done with an old job still can.
func TestEveryReaderSaysOfAnArchivedJobWhatItSaid(t *testing.T) {
	dir := t.TempDir()
	r := newGoldenRigIn(t, dir)
	roll := r.csv("ID number,First name\n9001010001088,Sipho\n8001015009087,Thandi\n8001015009086,Wrong\n")
	first := r.run(roll)
	dry := r.run(roll, "--dry-run")
	undone := r.run(r.csv("ID number,First name\n8001015009087,Nomsa\n"))
	undo := r.undoJob(undone.ID)
	jobs := []events.Job{first, dry, undone, undo, r.cancelledJob()}

	before := map[string]map[string]string{}
	for _, job := range jobs {
		before[job.ID] = r.answersAbout(job)
	}
	compare := func(when string) {
		t.Helper()
		for _, job := range jobs {
			for question, now := range r.answersAbout(job) {
				if was := before[job.ID][question]; now != was || len(was) == 0 {
					t.Errorf("%s, a job that is %s: %s\nbefore: %.3000s\nnow: %.3000s", when, job.Status, question, was, now)
				}
			}
		}
	}
	mover := r.archiver(dir)
	for _, job := range jobs {
		if _, err := mover.Archive(t.Context(), job.ID, job.Seq); err != nil {
			t.Fatal(err)
		}
		if held, err := mover.Count(t.Context(), job.ID); err != nil || held != (events.Held{Messages: 1, Archives: 1}) {
			t.Fatalf("%+v, %v", held, err)
		}
	}
	compare("archived")
	if _, err := listed.New(listed.Config{DB: r.db, Log: r.log}).Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	compare("after rebuild")

	server := []string{"--server", r.up.url(), "--token", r.token}
	// More jobs are in a story once they are indexed, which happens each minute.
	story := mustRun(t, append([]string{"member", "9001010001088"}, server...)...)
	if !strings.Contains(story, first.ID) || !strings.Contains(story, "inserted") {
		t.Errorf("the story of a member: %s", story)
	}
	for _, args := range [][]string{{"retry", jobs[4].ID}, {"commit", dry.ID}, {"undo", first.ID}} {
		said := mustRun(t, append(append(args, "--watch"), server...)...)
		job, err := r.log.Load(t.Context(), jobIDs.FindString(said))
		if err != nil || job.Reported == nil {
			t.Errorf("%v: %+v, %v\n%s", args, job, err, said)
		}
	}
	if said, err := r.verify(jobs[4].ID); err != nil {
		t.Errorf("retried: %v\n%s", err, said)
	}
}

// cancelledJob cancels a job before it is complete.
func (r *goldenRig) cancelledJob() events.Job {
	r.t.Helper()
	server := []string{"--server", r.up.url(), "--token", r.token}
	for {
		id := jobIDs.FindString(mustRun(r.t, append([]string{"upload", r.file("roll-500.xlsx")}, server...)...))
		_, _ = runCommand(r.t, append([]string{"cancel", id}, server...)...) // it may be complete
		_, _ = runCommand(r.t, append([]string{"watch", id}, server...)...)  // its end is looked at
		job, err := r.log.Load(r.t.Context(), id)
		if err != nil {
			r.t.Fatal(err)
		}
		if job.Kind == events.KindCancelled {
			return job
		}
	}
}
