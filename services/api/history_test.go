package api_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api/apitest"
)

// jobIDs returns the ids of a list of jobs, in its order.
func jobIDs(a apitest.Reply) (ids []string) {
	list, _ := a.Data["jobs"].([]any)
	for _, j := range list {
		ids = append(ids, j.(map[string]any)["job_id"].(string))
	}
	return ids
}

func TestHistoryTellsItsPagesByBothNames(t *testing.T) {
	r := newRig(t)
	for range 5 {
		r.Upload("alice member")
	}
	for _, size := range []string{"limit=2", "page_size=2", "limit=2&page_size=2"} {
		a := r.Get("alice member", "/history?page=3&"+size)
		paging, _ := a.Data["pagination"].(map[string]any)
		if len(jobIDs(a)) != 1 || a.Data["page_size"] != 2.0 || a.Data["total"] != 5.0 || paging["page"] != 3.0 ||
			paging["limit"] != 2.0 || paging["total_count"] != 5.0 || paging["total_pages"] != 3.0 {
			t.Errorf("%s: %s", size, a.Raw)
		}
	}
	a := r.Get("bob member", "/history")
	if paging := a.Data["pagination"].(map[string]any); paging["total_pages"] != 0.0 || paging["total_count"] != 0.0 {
		t.Errorf("no jobs: %s", a.Raw)
	}
	for bad, name := range map[string]any{
		"limit=0": nil, "limit=101": nil, "limit=2&page_size=3": "limit", "from=today": "from", "to=2026-13-01": "to",
		"from=2026-03-02&to=2026-03-01": "to",
	} {
		a := r.Get("alice member", "/history?"+bad)
		if a.Status != http.StatusBadRequest || a.Error.Details["parameter"] != name {
			t.Errorf("%s: %d %s", bad, a.Status, a.Raw)
		}
	}
}

// A list that is read on by its cursors has each job once, whatever is uploaded meanwhile.
func TestHistoryGoesOnFromACursor(t *testing.T) {
	r := newRig(t)
	var want []string
	for range 5 {
		want = append(want, r.Upload("alice member"))
	}
	slices.Reverse(want)
	var got []string
	query := "?limit=2"
	for page := 1.0; query != ""; page++ {
		a := r.Get("alice member", "/history"+query)
		got = append(got, jobIDs(a)...)
		paging, _ := a.Data["pagination"].(map[string]any)
		if paging["page"] != page {
			t.Errorf("page %v: %s", page, a.Raw)
		}
		query = ""
		if next, ok := paging["next_cursor"].(string); ok {
			query = "?limit=2&cursor=" + next
		}
		r.Upload("alice member")
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	first := r.Get("alice member", "/queue/jobs?limit=2").Data["pagination"].(map[string]any)
	next, _ := first["next_cursor"].(string)
	got = jobIDs(r.Get("alice member", "/queue/jobs?limit=2&cursor="+next))
	if !slices.Equal(got, []string{want[2], want[1]}) {
		t.Errorf("the queue goes on with %v", got)
	}
	for _, bad := range []string{"cursor=x", "cursor=MSAxIGpvYi0x", "cursor=" + next + "&page=2"} {
		if a := r.Get("alice member", "/history?"+bad); a.Status != http.StatusBadRequest ||
			a.Error.Details["parameter"] != "cursor" {
			t.Errorf("%s: %d %s", bad, a.Status, a.Raw)
		}
	}
}

func TestHistoryIsSearched(t *testing.T) {
	r := newRig(t)
	one, two := r.Upload("alice member"), r.Upload("bob_1 member")
	three := r.Upload("alice member")
	r.Exec("UPDATE jobs SET file_name = 'Ward 5_100%.xlsx' WHERE job_id = '" + three + "'")
	const root = "root super_admin"
	for _, c := range []struct {
		who, text string
		want      []string
	}{
		{"alice member", "roll MÄRZ", []string{one}},
		{"alice member", one, []string{one}},
		{"alice member", one[8:40], []string{one}},
		{"alice member", two, nil}, // somebody else's
		{"alice member", "alice", nil},
		{"alice member", "5_100%", []string{three}},
		{"alice member", "5%", nil},
		{"alice member", "%", []string{three}},
		{"alice member", "' OR true --", nil},
		{"alice member", " \x00 ", []string{three, one}},
		{root, "BOB_1", []string{two}},
		{root, "bob11", nil},
		{root, "xlsx", []string{three, two, one}},
	} {
		a := r.Get(c.who, "/history?search="+url.QueryEscape(c.text))
		if got := jobIDs(a); !slices.Equal(got, c.want) || a.Data["total"] != float64(len(c.want)) {
			t.Errorf("%q for %s finds %v, not %v: %d", c.text, c.who, got, c.want, a.Status)
		}
	}
	// A name with an ID number in it is kept masked, and found by what it was.
	r.Exec("UPDATE jobs SET file_name = '" + events.MaskIDs("8001015009087.xlsx") + "' WHERE job_id = '" + one + "'")
	if got := jobIDs(r.Get("alice member", "/history?search=8001015009087")); !slices.Equal(got, []string{one}) {
		t.Errorf("by an ID number: %v", got)
	}
}

func TestHistoryIsBoundByTimes(t *testing.T) {
	r := newRig(t)
	var ids []string
	for _, at := range []string{"2026-03-01 21:59:59+00", "2026-03-01 22:00:00+00", "2026-03-02 21:59:59.999999+00"} {
		id := r.Upload("alice member")
		r.Exec("UPDATE jobs SET created_at = '" + at + "' WHERE job_id = '" + id + "'")
		ids = append(ids, id)
	}
	for query, want := range map[string][]string{
		"from=2026-03-02":               {ids[2], ids[1]}, // days of South Africa
		"to=2026-03-01":                 {ids[0]},
		"from=2026-03-02&to=2026-03-02": {ids[2], ids[1]},
		"from=2026-03-03":               nil,
		"from=2026-03-01T21:59:59Z&to=2026-03-01T22:00:00Z":    {ids[1], ids[0]}, // both included
		"to=" + url.QueryEscape("2026-03-01T23:59:59.5+02:00"): {ids[0]},
		"to=2026-03-02&limit=1&page=2":                         {ids[1]},
	} {
		if a := r.Get("alice member", "/history?"+query); !slices.Equal(jobIDs(a), want) {
			t.Errorf("%s: %v, not %v", query, jobIDs(a), want)
		}
	}
	// The times of an answer are good for a question.
	a := r.Get("alice member", "/status/"+r.Upload("alice member"))
	at := url.QueryEscape(a.Data["uploaded_at"].(string))
	got := jobIDs(r.Get("alice member", "/history?from="+at+"&to="+at))
	if !slices.Equal(got, []string{a.Data["job_id"].(string)}) {
		t.Errorf("at %s: %v", at, got)
	}
}

// Each job has the names that other systems have for its parts, and they say the same.
func TestJobsByOtherNames(t *testing.T) {
	r := newRig(t)
	done, failed, waiting := r.Upload("alice member"), r.Upload("alice member"), r.Upload("alice member")
	facts := eventstest.Facts(done)
	facts[3].(*events.Reported).Validation.TotalRecords = 7
	facts[3].(*events.Reported).Database.Inserts = 5
	facts[3].(*events.Reported).DurationMS = 1500
	r.Append(done, facts...)
	r.Append(failed, &events.Failed{
		Stage: events.StageValidation, Code: "no_rows", Message: "It has no rows.", Attempts: 1,
	})
	r.Project()
	eventstest.Wait(t, "the table to know", func() bool {
		return len(jobIDs(r.Get("alice member", "/history?status=completed"))) == 1 &&
			len(jobIDs(r.Get("alice member", "/history?status=failed"))) == 1
	})
	listed := map[string]map[string]any{}
	for _, j := range r.Get("alice member", "/history").Data["jobs"].([]any) {
		listed[j.(map[string]any)["job_id"].(string)] = j.(map[string]any)
	}
	for id, report := range map[string]any{done: "Roll März - report.xlsx", failed: nil, waiting: nil} {
		shown := r.Get("alice member", "/status/"+id).Data
		for _, j := range []map[string]any{listed[id], shown} {
			if j["uploaded_by"] != "alice" || j["uploaded_at"] != j["created_at"] || j["report_filename"] != report {
				t.Errorf("%s: %v", id, j)
			}
			want := any(nil)
			if id == failed {
				want = "It has no rows."
			}
			if j["error_message"] != want {
				t.Errorf("%s: error %v", id, j["error_message"])
			}
		}
		if _, err := time.Parse(time.RFC3339, shown["uploaded_at"].(string)); err != nil {
			t.Error(err)
		}
		if id == waiting {
			if shown["processing_start"] != nil || shown["processing_end"] != nil || listed[id]["database_stats"] != nil {
				t.Errorf("waiting: %v %v", shown, listed[id])
			}
		} else if shown["processing_start"] != shown["created_at"] || shown["processing_end"] != shown["updated_at"] {
			t.Errorf("ended: %v", shown)
		}
	}
	stats, _ := listed[done]["validation_stats"].(map[string]any)
	written, _ := listed[done]["database_stats"].(map[string]any)
	if stats["total_records"] != 7.0 || written["inserts"] != 5.0 || listed[done]["processing_duration_ms"] != 1500.0 {
		t.Errorf("%v", listed[done])
	}

	sums := r.Get("alice member", "/stats").Data
	for name, want := range map[string]any{
		"total_uploads": 3.0, "successful_uploads": 1.0, "failed_uploads": 1.0, "success_rate": 50.0,
		"avg_processing_time_ms": 1500.0, "total_records_processed": 7.0, "total_inserts": 5.0,
		"total_updates": sums["updates"],
	} {
		if sums[name] != want {
			t.Errorf("%s: %v, not %v", name, sums[name], want)
		}
	}
	if none := r.Get("bob member", "/stats").Data; none["success_rate"] != 0.0 || none["total_uploads"] != 0.0 {
		t.Errorf("nothing uploaded: %v", none)
	}
}
