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
