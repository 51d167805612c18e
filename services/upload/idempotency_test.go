package upload

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// keyed uploads with an idempotency key; key may be several.
func (r *rig) keyed(who string, keys []string, parts ...string) reply {
	r.t.Helper()
	body, contentType := multipartOf(r.t, parts...)
	return r.do(who, http.MethodPost, "/process", body, contentType, func(h http.Header) { h[headerKey] = keys })
}

func otherRoll(t *testing.T) string {
	t.Helper()
	return workbookOf(t, []string{"ID Number"}, []string{"9001010001088"})
}

// files counts the uploads that are stored.
func (r *rig) files() int {
	r.t.Helper()
	bucket, err := eventstest.Connect(r.t, r.nats, "provisioner").ObjectStore(r.t.Context(), events.BucketUploads)
	if err != nil {
		r.t.Fatal(err)
	}
	list, err := bucket.List(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return len(list)
}

func TestTheSameKeyIsTheSameJob(t *testing.T) {
	r := newRig(t)
	roll := goodRoll(t)
	first := r.keyed("alice member", []string{"k1"}, "file", roll)
	if first.status != 202 || first.Data["status"] != "pending" || first.header.Get(headerReplayed) != "" {
		t.Fatalf("%d %s", first.status, first.raw)
	}
	id := first.Data["job_id"].(string)
	r.as(id, eventstest.Facts(id)[0])
	// With quotation marks it is the same, and a process that was started anew knows it.
	r.svc = New(r.svc.cfg)
	srv := httptest.NewServer(r.svc.Handler())
	defer srv.Close()
	r.url = srv.URL + Base
	again := r.keyed("alice member", []string{`"k1"`}, "file", roll)
	if again.status != 202 || again.Data["job_id"] != id || again.Data["status"] != "processing" || again.header.Get(headerReplayed) != "true" {
		t.Errorf("%d %s", again.status, again.raw)
	}
	for name, a := range map[string]reply{
		"another key":  r.keyed("alice member", []string{"k2"}, "file", roll),
		"another user": r.keyed("bob member", []string{"k1"}, "file", roll),
		"without":      r.upload("alice member", "file", roll),
	} {
		if a.status != 202 || a.Data["job_id"] == id || a.header.Get(headerReplayed) != "" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	for name, a := range map[string]reply{
		"another file":  r.keyed("alice member", []string{"k1"}, "file", otherRoll(t)),
		"other options": r.keyed("alice member", []string{"k1"}, "file", roll, "dry_run", "true"),
	} {
		if a.status != 422 || a.Error.Code != "key_reused" || a.Error.Details["job_id"] != id {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	if n := r.files(); n != 4 {
		t.Errorf("%d files for 4 jobs", n)
	}
}

func TestAKeyIsForgottenAfterADay(t *testing.T) {
	clock := time.Now()
	r := newRig(t, func(c *Config) { c.Now = func() time.Time { return clock } })
	roll := goodRoll(t)
	first := r.keyed("alice member", []string{"k"}, "file", roll).Data["job_id"].(string)
	job, err := r.log.Load(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	clock = job.CreatedAt.Add(keyLife - 1)
	if a := r.keyed("alice member", []string{"k"}, "file", roll); a.Data["job_id"] != first {
		t.Errorf("within the day: %d %s", a.status, a.raw)
	}
	clock = job.CreatedAt.Add(keyLife)
	second := r.keyed("alice member", []string{"k"}, "file", otherRoll(t))
	if second.status != 202 || second.Data["job_id"] == first {
		t.Fatalf("after the day: %d %s", second.status, second.raw)
	}
	if a := r.keyed("alice member", []string{"k"}, "file", otherRoll(t)); a.Data["job_id"] != second.Data["job_id"] {
		t.Errorf("the second day: %d %s", a.status, a.raw)
	}
}

// What was refused is forgotten: the same key may bring it mended.
func TestARefusalIsNotKept(t *testing.T) {
	r := newRig(t)
	if a := r.keyed("alice member", []string{"k"}, "file", "<html>"); a.status != 415 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if a := r.keyed("alice member", []string{"k"}, "file", goodRoll(t)); a.status != 202 || a.header.Get(headerReplayed) != "" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	r := newRig(t)
	for _, keys := range [][]string{{""}, {`""`}, {"two words"}, {"ümlaut"}, {strings.Repeat("k", maxKey+1)}, {"a", "b"}} {
		a := r.keyed("alice member", keys, "file", goodRoll(t))
		if a.status != 400 || a.Error.Code != "bad_request" || a.Error.Details["parameter"] != headerKey {
			t.Errorf("%q: %d %s", keys, a.status, a.raw)
		}
	}
	if !r.empty() {
		t.Error("something was left behind")
	}
}

// All are let go at once: with the same file all get the same job; with
// different ones one gets it, and the file that is kept is its own.
func TestRequestsOfOneKeyAtOnce(t *testing.T) {
	for name, differ := range map[string]bool{"the same file": false, "different files": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.MaxUploads = 8 })
			rolls := make([]string, 8)
			for i := range rolls {
				rolls[i] = goodRoll(t)
				if differ && i%2 == 1 {
					rolls[i] = otherRoll(t)
				}
			}
			start := make(chan struct{})
			var wg sync.WaitGroup
			answers := make([]reply, len(rolls))
			for i := range rolls {
				wg.Go(func() {
					<-start
					answers[i] = r.keyed("alice member", []string{"k"}, "file", rolls[i])
				})
			}
			close(start)
			wg.Wait()
			ids, firsts := map[any]bool{}, 0
			for _, a := range answers {
				switch {
				case a.status == 202:
					ids[a.Data["job_id"]] = true
					if a.header.Get(headerReplayed) == "" {
						firsts++
					}
				case !differ || a.Error.Code != "key_reused":
					t.Errorf("%d %s", a.status, a.raw)
				}
			}
			if len(ids) != 1 || firsts != 1 || r.files() != 1 {
				t.Fatalf("%d jobs, %d first answers, %d files", len(ids), firsts, r.files())
			}
			for id := range ids {
				job, err := r.log.Load(t.Context(), id.(string))
				if err != nil {
					t.Fatal(err)
				}
				reader := events.NewStore(eventstest.Connect(t, r.nats, "validation"))
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

func TestAFileThatWasUploadedBefore(t *testing.T) {
	r := newRig(t)
	r.project()
	roll := goodRoll(t)
	first := r.upload("alice member", "file", roll)
	id := first.Data["job_id"].(string)
	if a := r.upload("alice member", "file", roll); a.status != 202 || a.Data["same_as"] != nil {
		t.Errorf("while the first is worked on: %d %s", a.status, a.raw)
	}
	r.as(id, eventstest.Facts(id)...)
	eventstest.Wait(t, "the list to know", func() bool { return r.listed(id).Status == "completed" })
	a := r.upload("alice member", "file", roll)
	if a.status != 202 || a.Data["same_as"] != id || a.Data["job_id"] == id {
		t.Errorf("the same again: %d %s", a.status, a.raw)
	}
	for name, a := range map[string]reply{
		"another file": r.upload("alice member", "file", otherRoll(t)),
		"another user": r.upload("bob member", "file", roll),
	} {
		if a.status != 202 || a.Data["same_as"] != nil {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	// A database that is away is no reason to refuse an upload.
	r.exec("ALTER TABLE jobs RENAME TO away")
	if a := r.upload("alice member", "file", roll); a.status != 202 || a.Data["same_as"] != nil {
		t.Errorf("without the table: %d %s", a.status, a.raw)
	}
	r.exec("ALTER TABLE away RENAME TO jobs")
}
