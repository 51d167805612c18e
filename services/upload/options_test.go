package upload_test

import (
	"net/http"
	"strconv"
	"testing"

	"rollcall.example/events"
	"rollcall.example/services/api/apitest"
	"rollcall.example/services/upload"
)

func TestModeAndAllowClear(t *testing.T) {
	r := newRig(t)
	roll := apitest.Roll(t)
	for _, c := range []struct {
		fields []string
		status int
		want   events.Options
	}{
		{[]string{"mode", "create"}, 202, events.Options{Mode: events.ModeCreate}},
		{[]string{"mode", "update", "allow_clear", "true"}, 202, events.Options{Mode: events.ModeUpdate, AllowClear: true}},
		{[]string{"mode", "upsert", "allow_clear", "false"}, 202, events.Options{}},
		{[]string{"mode", "create", "mode", "create"}, 202, events.Options{Mode: events.ModeCreate}},
		{[]string{"mode", "create", "mode", "update"}, 400, events.Options{}},
		{[]string{"mode", "replace"}, 400, events.Options{}},
		{[]string{"mode", ""}, 400, events.Options{}},
		{[]string{"allow_clear", "perhaps"}, 400, events.Options{}},
	} {
		a := r.SendForm("alice member", append(c.fields, "file", roll)...)
		if a.Status != c.status {
			t.Errorf("%v: %d %s", c.fields, a.Status, a.Raw)
			continue
		}
		if c.status != http.StatusAccepted {
			if a.Error.Details["parameter"] != c.fields[0] {
				t.Errorf("%v: %s", c.fields, a.Raw)
			}
			continue
		}
		job, err := r.Log.Load(t.Context(), a.Data["job_id"].(string))
		if err != nil || job.Options != c.want {
			t.Errorf("%v: %+v, %v", c.fields, job.Options, err)
		}
	}
	id := r.BeginTus("alice member", strconv.Itoa(len(roll)), "filename", "r.xlsx", "mode", "update",
		"allow_clear", "true")
	a := r.part("alice member", id, 0, roll)
	job, err := r.Log.Load(t.Context(), a.Header.Get(upload.HeaderJob))
	if want := (events.Options{Mode: events.ModeUpdate, AllowClear: true}); err != nil || job.Options != want {
		t.Errorf("in parts: %+v, %v", job.Options, err)
	}
	a = r.Tus("alice member", http.MethodPost, "/tus", nil, "Upload-Length", "9", "Upload-Metadata",
		apitest.Metadata("mode", "replace"))
	if a.Status != http.StatusBadRequest {
		t.Errorf("a mode that there is not: %d %s", a.Status, a.Raw)
	}
}

// An upload may follow a job that its uploader may see, and no other.
func TestAnUploadFollowsAJobOfOnesOwn(t *testing.T) {
	r := newRig(t)
	roll := apitest.Roll(t)
	first := r.SendForm("alice member", "file", roll).Data["job_id"].(string)
	a := r.SendForm("alice member", "follows", first, "file", roll)
	if a.Status != http.StatusAccepted {
		t.Fatalf("a job of one's own: %d %s", a.Status, a.Raw)
	}
	job, err := r.Log.Load(t.Context(), a.Data["job_id"].(string))
	if want := (events.Options{Follows: first}); err != nil || job.Options != want {
		t.Errorf("the job has the options %+v, %v", job.Options, err)
	}
	foreign := r.SendForm("bob member", "follows", first, "file", roll)
	none := r.SendForm("bob member", "follows", events.NewJobID(), "file", roll)
	for name, a := range map[string]apitest.Reply{"a foreign job": foreign, "no job": none,
		"no id": r.SendForm("bob member", "follows", "job-1", "file", roll)} {
		if a.Status != http.StatusBadRequest || a.Error.Details["parameter"] != "follows" {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	if foreign.Message != none.Message {
		t.Errorf("that a foreign job exists is told: %q, %q", foreign.Message, none.Message)
	}
	a = r.Tus("bob member", http.MethodPost, "/tus", nil, "Upload-Length", "9", "Upload-Metadata",
		apitest.Metadata("follows", first))
	if a.Status != http.StatusBadRequest {
		t.Errorf("in parts, a foreign job: %d %s", a.Status, a.Raw)
	}
	id := r.BeginTus("alice member", strconv.Itoa(len(roll)), "filename", "r.xlsx", "follows", first)
	a = r.part("alice member", id, 0, roll)
	if job, err = r.Log.Load(t.Context(), a.Header.Get(upload.HeaderJob)); err != nil || job.Options.Follows != first {
		t.Errorf("in parts: %+v, %v", job.Options, err)
	}
}
