package api_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api/apitest"
)

func TestUsersListAndCountTheirOwnJobs(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	r.Append(id, eventstest.Facts(id)...)
	if a := r.Get("carol national_admin", "/status/"+id); a.Status != 200 || a.Data["user_id"] != "alice" {
		t.Errorf("administrator: %s", a.Raw)
	}
	for who, n := range map[string]float64{"alice member": 1, "bob member": 0, "carol national_admin": 1} {
		if a := r.Get(who, "/history"); a.Data["total"] != n {
			t.Errorf("%s lists %v", who, a.Data["total"])
		}
		if a := r.Get(who, "/stats"); a.Data["total_jobs"] != n {
			t.Errorf("%s counts %v", who, a.Data["total_jobs"])
		}
	}
}

func TestHistoryIsPaged(t *testing.T) {
	r := newRig(t)
	var ids []string
	for range 5 {
		ids = append(ids, r.Upload("alice member"))
	}
	slices.Reverse(ids)
	var listed []string
	for page := 1; page <= 3; page++ {
		a := r.Get("alice member", fmt.Sprintf("/history?page=%d&page_size=2", page))
		for _, j := range a.Data["jobs"].([]any) {
			listed = append(listed, j.(map[string]any)["job_id"].(string))
		}
	}
	if !slices.Equal(ids, listed) {
		t.Fatalf("uploaded %v, listed %v", ids, listed)
	}
	for _, bad := range []string{"page=0", "page=x", "page_size=101", "status=odd", "page=-1"} {
		if a := r.Get("alice member", "/history?"+bad); a.Status != 400 || a.Error.Code != "bad_request" {
			t.Errorf("%s: %d", bad, a.Status)
		}
	}
}

func TestRateLimitStatusTellsTheQuota(t *testing.T) {
	r := newRig(t)
	a := r.Get("alice member", "/rate-limit-status")
	if a.Status != 200 || a.Data["current_count"] != 25.0 || a.Data["remaining"] != 75.0 ||
		a.Data["percentage_used"] != 25.0 ||
		a.Data["reset_time"] != nil {
		t.Fatalf("%s", a.Raw)
	}
	spent := newRig(t, func(c *apitest.Config) {
		c.API.Quota = func(context.Context) (events.Quota, error) {
			return events.Quota{Used: 120, Limit: 100, ResetAt: time.Date(2026, 3, 1, 13, 1, 0, 0, time.UTC)}, nil
		}
	})
	if a := spent.Get("alice member", "/rate-limit-status"); a.Data["remaining"] != 0.0 || a.Data["is_limited"] != true ||
		a.Data["reset_time"] != "2026-03-01T13:01:00Z" ||
		a.Data["reset_time_formatted"] != "1 March 2026, 15:01 SAST" || a.Data["uploads_allowed"] != true {
		t.Errorf("%s", a.Raw)
	}
	if own, there := a.Data["user"]; there {
		t.Errorf("a user's part without a limit: %v", own)
	}
	own := newRig(t, func(c *apitest.Config) {
		c.API.UserQuota = func(_ context.Context, user string) (events.Quota, error) {
			if user != "alice" {
				return events.Quota{Limit: 40}, nil
			}
			return events.Quota{Used: 40, Limit: 40, ResetAt: time.Date(2026, 3, 1, 13, 1, 0, 0, time.UTC)}, nil
		}
	})
	alice, _ := own.Get("alice member", "/rate-limit-status").Data["user"].(map[string]any)
	bob, _ := own.Get("bob member", "/rate-limit-status").Data["user"].(map[string]any)
	if alice["current_count"] != 40.0 || alice["max_limit"] != 40.0 || alice["remaining"] != 0.0 ||
		alice["is_limited"] != true || alice["reset_time"] != "2026-03-01T13:01:00Z" ||
		bob["current_count"] != 0.0 || bob["is_limited"] != false || bob["reset_time"] != nil {
		t.Errorf("alice %v, bob %v", alice, bob)
	}
	down := newRig(t, func(c *apitest.Config) {
		c.API.Quota = func(context.Context) (events.Quota, error) { return events.Quota{}, errDown }
	})
	if a := down.Get("alice member", "/rate-limit-status"); a.Status != 503 || strings.Contains(string(a.Raw), "down") {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}
