package upload_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api/apitest"
	"rollcall.example/services/upload"
)

// sendKeyed uploads a form with idempotency keys, of which one is allowed.
func (r *rig) sendKeyed(who string, keys []string, parts ...string) apitest.Reply {
	r.T.Helper()
	body, contentType := apitest.Form(r.T, parts...)
	return r.Do(who, http.MethodPost, "/process", body, contentType, func(h http.Header) { h[upload.HeaderKey] = keys })
}

func otherRoll(t *testing.T) string {
	t.Helper()
	return apitest.Workbook(t, []string{"ID Number"}, []string{"9001010001088"})
}

// files counts the uploads that are stored.
func (r *rig) files() int {
	r.T.Helper()
	bucket, err := eventstest.Connect(r.T, r.NATS, eventstest.Owner).ObjectStore(r.T.Context(), events.BucketUploads)
	if err != nil {
		r.T.Fatal(err)
	}
	list, err := bucket.List(r.T.Context())
	if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
		r.T.Fatal(err)
	}
	return len(list)
}

func TestTheSameKeyIsTheSameJob(t *testing.T) {
	r := newRig(t)
	roll := apitest.Roll(t)
	first := r.sendKeyed("alice member", []string{"k1"}, "file", roll)
	if first.Status != 202 || first.Data["status"] != "pending" || first.Header.Get("Idempotent-Replayed") != "" {
		t.Fatalf("%d %s", first.Status, first.Raw)
	}
	id := first.Data["job_id"].(string)
	r.Append(id, eventstest.Facts(id)[0])
	// The key means the same in quotation marks, and to a process that has just started.
	r = &rig{r.Replica()}
	again := r.sendKeyed("alice member", []string{`"k1"`}, "file", roll)
	if again.Status != 202 || again.Data["job_id"] != id || again.Data["status"] != "processing" ||
		again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %s", again.Status, again.Raw)
	}
	for name, a := range map[string]apitest.Reply{
		"another key":  r.sendKeyed("alice member", []string{"k2"}, "file", roll),
		"another user": r.sendKeyed("bob member", []string{"k1"}, "file", roll),
		"without":      r.SendForm("alice member", "file", roll),
	} {
		if a.Status != 202 || a.Data["job_id"] == id || a.Header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	for name, a := range map[string]apitest.Reply{
		"another file":  r.sendKeyed("alice member", []string{"k1"}, "file", otherRoll(t)),
		"other options": r.sendKeyed("alice member", []string{"k1"}, "file", roll, "dry_run", "true"),
	} {
		if a.Status != 422 || a.Error.Code != "key_reused" || a.Error.Details["job_id"] != id {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	if n := r.files(); n != 4 {
		t.Errorf("%d files for 4 jobs", n)
	}
}

func TestAKeyIsForgottenAfterADay(t *testing.T) {
	clock := time.Now()
	r := newRig(t, func(c *apitest.Config) { c.Upload.Now = func() time.Time { return clock } })
	roll := apitest.Roll(t)
	first := r.sendKeyed("alice member", []string{"k"}, "file", roll).Data["job_id"].(string)
	job, err := r.Log.Load(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	clock = job.CreatedAt.Add(upload.KeyLife - 1)
	if a := r.sendKeyed("alice member", []string{"k"}, "file", roll); a.Data["job_id"] != first {
		t.Errorf("within the day: %d %s", a.Status, a.Raw)
	}
	clock = job.CreatedAt.Add(upload.KeyLife)
	second := r.sendKeyed("alice member", []string{"k"}, "file", otherRoll(t))
	if second.Status != 202 || second.Data["job_id"] == first {
		t.Fatalf("after the day: %d %s", second.Status, second.Raw)
	}
	if a := r.sendKeyed("alice member", []string{"k"}, "file", otherRoll(t)); a.Data["job_id"] != second.Data["job_id"] {
		t.Errorf("the second day: %d %s", a.Status, a.Raw)
	}
}

// A refused upload is forgotten: the same key may bring the corrected file.
func TestARefusalIsNotKept(t *testing.T) {
	r := newRig(t)
	if a := r.sendKeyed("alice member", []string{"k"}, "file", "<html>"); a.Status != 415 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	if a := r.sendKeyed("alice member", []string{"k"}, "file", apitest.Roll(t)); a.Status != 202 ||
		a.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

func TestBadIdempotencyKeysAreRefused(t *testing.T) {
	r := newRig(t)
	for _, keys := range [][]string{
		{""}, {`""`}, {"two words"}, {"ümlaut"}, {strings.Repeat("k", upload.MaxKey+1)}, {"a", "b"},
	} {
		a := r.sendKeyed("alice member", keys, "file", apitest.Roll(t))
		if a.Status != 400 || a.Error.Code != "bad_request" || a.Error.Details["parameter"] != upload.HeaderKey {
			t.Errorf("%q: %d %s", keys, a.Status, a.Raw)
		}
	}
	if !r.Empty() {
		t.Error("something was left behind")
	}
}

// All requests start at once. With the same file all get the same job; with different
// files one gets it, and its file is kept.
func TestConcurrentRequestsOfOneKeyAreOneJob(t *testing.T) {
	for name, differ := range map[string]bool{"the same file": false, "different files": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *apitest.Config) { c.Upload.MaxUploads = 8 })
			rolls := make([]string, 8)
			for i := range rolls {
				rolls[i] = apitest.Roll(t)
				if differ && i%2 == 1 {
					rolls[i] = otherRoll(t)
				}
			}
			start := make(chan struct{})
			var wg sync.WaitGroup
			answers := make([]apitest.Reply, len(rolls))
			for i := range rolls {
				wg.Go(func() {
					<-start
					answers[i] = r.sendKeyed("alice member", []string{"k"}, "file", rolls[i])
				})
			}
			close(start)
			wg.Wait()
			ids, firsts := map[any]bool{}, 0
			for _, a := range answers {
				switch {
				case a.Status == 202:
					ids[a.Data["job_id"]] = true
					if a.Header.Get("Idempotent-Replayed") == "" {
						firsts++
					}
				case !differ || a.Error.Code != "key_reused":
					t.Errorf("%d %s", a.Status, a.Raw)
				}
			}
			if len(ids) != 1 || firsts != 1 || r.files() != 1 {
				t.Fatalf("%d jobs, %d first answers, %d files", len(ids), firsts, r.files())
			}
			for id := range ids {
				job, err := r.Log.Load(t.Context(), id.(string))
				if err != nil {
					t.Fatal(err)
				}
				reader := events.NewStore(eventstest.Connect(t, r.NATS, "validation"))
				file, err := reader.Fetch(t.Context(), job.Uploaded.File)
				if err != nil {
					t.Fatalf("the job's file: %v", err)
				}
				var got bytes.Buffer
				if _, err := got.ReadFrom(file); err != nil || (got.String() != rolls[0] && got.String() != rolls[1]) {
					t.Errorf("the job has another file, %v", err)
				}
				_ = file.Close()
			}
		})
	}
}

func TestAnEarlierJobOfTheSameFileIsNamed(t *testing.T) {
	r := newRig(t)
	r.Project()
	roll := apitest.Roll(t)
	first := r.SendForm("alice member", "file", roll)
	id := first.Data["job_id"].(string)
	if a := r.SendForm("alice member", "file", roll); a.Status != 202 || a.Data["same_as"] != nil {
		t.Errorf("while the first is worked on: %d %s", a.Status, a.Raw)
	}
	r.Append(id, eventstest.Facts(id)...)
	eventstest.Wait(t, "the list to know", func() bool {
		return r.Get("alice member", "/history?status=completed").Data["total"] == 1.0
	})
	a := r.SendForm("alice member", "file", roll)
	if a.Status != 202 || a.Data["same_as"] != id || a.Data["job_id"] == id {
		t.Errorf("the same again: %d %s", a.Status, a.Raw)
	}
	for name, a := range map[string]apitest.Reply{
		"another file": r.SendForm("alice member", "file", otherRoll(t)),
		"another user": r.SendForm("bob member", "file", roll),
	} {
		if a.Status != 202 || a.Data["same_as"] != nil {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	// Without the table uploads are still accepted.
	r.Exec("ALTER TABLE jobs RENAME TO away")
	if a := r.SendForm("alice member", "file", roll); a.Status != 202 || a.Data["same_as"] != nil {
		t.Errorf("without the table: %d %s", a.Status, a.Raw)
	}
	r.Exec("ALTER TABLE away RENAME TO jobs")
}
