package api_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api/apitest"
)

// The queue is what there is of jobs: counted, in order, and only one's own.
func TestTheQueueShowsTheJobsThatThereAre(t *testing.T) {
	r := newRig(t)
	upload := func(who string) string {
		a := r.SendForm(who, "file", apitest.Roll(t))
		want := float64(len(jobIDs(r.Get("root super_admin", "/queue/jobs?state=waiting"))))
		if a.Data["queue_position"] != want || a.Data["message"] != a.Message {
			t.Errorf("uploaded: %s", a.Raw)
		}
		return a.Data["job_id"].(string)
	}
	first, second, failed := upload("alice member"), upload("bob member"), upload("alice member")
	last := upload("alice member")
	r.Append(failed, &events.Failed{
		Stage: events.StageValidation, Code: "unavailable", Message: "Try again.", Attempts: 5, Retryable: true,
	})
	r.Project()
	eventstest.Wait(t, "the failure to be known", func() bool {
		return slices.Equal(jobIDs(r.Get("alice member", "/queue/jobs?state=failed")), []string{failed})
	})
	a := r.Get("alice member", "/queue/jobs")
	if !slices.Equal(jobIDs(a), []string{first, last}) {
		t.Fatalf("%s", a.Raw)
	}
	for i, position := range []float64{1, 3} { // bob's is the second
		if j := a.Data["jobs"].([]any)[i].(map[string]any); j["queue_position"] != position || j["state"] != "waiting" {
			t.Errorf("%v", j)
		}
	}
	if got := jobIDs(r.Get("root super_admin", "/queue/jobs?limit=2")); !slices.Equal(got, []string{first, second}) {
		t.Errorf("all: %v", got)
	}
	for who, want := range map[string][3]float64{
		"alice member": {3, 2, 1}, "bob member": {1, 1, 0}, "root super_admin": {4, 3, 1}, "eve member": {0, 0, 0},
	} {
		counts := r.Get(who, "/queue/stats").Data
		got := [3]float64{counts["total"].(float64), counts["waiting"].(float64), counts["failed"].(float64)}
		if got != want {
			t.Errorf("%s: %v", who, counts)
		}
	}
	if a := r.Post("bob member", "/queue/retry/"+failed); a.Status != http.StatusNotFound {
		t.Errorf("somebody else's: %d %s", a.Status, a.Raw)
	}
	a = r.Post("alice member", "/queue/retry/"+failed)
	if a.Status != http.StatusAccepted || a.Data["status"] != "processing" || a.Data["processing_end"] != nil {
		t.Errorf("retry: %d %s", a.Status, a.Raw)
	}
	if a := r.Post("alice member", "/queue/retry/"+failed); a.Status != http.StatusConflict {
		t.Errorf("twice: %d %s", a.Status, a.Raw)
	}
	active := r.Get("alice member", "/queue/jobs?state=active").Data["jobs"].([]any)
	if len(active) != 1 || active[0].(map[string]any)["queue_position"] != nil {
		t.Errorf("active: %v", active)
	}
	if a := r.Get("alice member", "/queue/jobs?state=pending"); a.Status != http.StatusBadRequest {
		t.Errorf("no such state: %d", a.Status)
	}
}

// Whoever may upload is told so, and whoever may not is told until when.
func TestCanUploadIsWhatAnUploadWouldMeet(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	r := newRig(t, func(c *apitest.Config) {
		c.Upload.UserUploads = 2
		c.API.Now = func() time.Time { return now }
		c.Upload.Now = c.API.Now
	})
	can := r.Get("alice member", "/can-upload")
	if can.Data["can_upload"] != true || can.Data["reason"] != nil || can.Data["reset_time"] != nil {
		t.Fatalf("%d %s", can.Status, can.Raw)
	}
	first := r.Get("alice member", "/status/"+r.Upload("alice member")).Data["uploaded_at"].(string)
	r.Upload("alice member")
	a := r.Get("alice member", "/can-upload")
	refused := r.SendForm("alice member", "file", apitest.Roll(t))
	if refused.Status != http.StatusTooManyRequests || a.Data["can_upload"] != false ||
		a.Data["reason"] != refused.Message {
		t.Errorf("%s\n%s", a.Raw, refused.Raw)
	}
	at, err := time.Parse(time.RFC3339, a.Data["reset_time"].(string))
	began, err2 := time.Parse(time.RFC3339, first)
	if err != nil || err2 != nil || at.Sub(began.Add(time.Hour)).Abs() > 10*time.Second {
		t.Errorf("uploaded at %s, again at %v", first, at)
	}
	limits := r.Get("alice member", "/rate-limit-status")
	if limits.Data["uploads_allowed"] != false || limits.Data["message"] != limits.Message {
		t.Errorf("%s", limits.Raw)
	}
	limits = r.Get("bob member", "/rate-limit-status")
	if limits.Data["uploads_allowed"] != true || limits.Data["reset_time_formatted"] != nil {
		t.Errorf("%s", limits.Raw)
	}
}
