package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/person"
	"rollcall.example/services/api/apitest"
)

// story returns the rows that a story has, each with its job.
func (r *rig) story(who, body string) (rows []string, a apitest.Reply) {
	r.T.Helper()
	a = r.Do(who, "POST", "/members/story", strings.NewReader(body), "application/json")
	if a.Status != 200 {
		r.T.Fatalf("%s: %d %s", who, a.Status, a.Raw)
	}
	for _, c := range a.Data["chapters"].([]any) {
		chapter := c.(map[string]any)
		rows = append(rows, fmt.Sprint(chapter["job_id"], " ", chapter["row"].(map[string]any)["row"]))
	}
	return rows, a
}

// addToIndex notes who may be in a job, as the privacy service does once it has ended.
func (r *rig) addToIndex(job string, key *person.Key, ids ...string) {
	r.T.Helper()
	hashes := pq.Int64Array{}
	for _, id := range ids {
		hashes = append(hashes, key.HashInJobs(id))
	}
	if _, err := r.DB.Exec(`INSERT INTO job_people (job_id, ended_at, key_check, people) VALUES ($1, now(), $2, $3)
ON CONFLICT (job_id) DO UPDATE SET key_check = excluded.key_check, people = excluded.people`,
		job, key.JobsCheck(), hashes); err != nil {
		r.T.Fatal(err)
	}
}

// Rows that were left out are found by the keyed hashes of the index, those that were
// written at once; nobody is told of a job that they may not read.
func TestAStoryHasAlsoTheRowsThatWereLeftOut(t *testing.T) {
	r := newRig(t)
	id, facts := r.rowsJob()
	r.Append(id, facts[:3]...)
	r.Project()
	const asked = `{"id_number": "800101 5009 087"}`
	want := func(when, who string, want ...string) {
		t.Helper()
		if rows, a := r.story(who, asked); fmt.Sprint(rows) != fmt.Sprint(want) {
			t.Errorf("%s, %s: %s", when, who, a.Raw)
		}
	}
	want("before anything is known of the job", "alice member")
	r.Exec(fmt.Sprintf(`INSERT INTO job_ledger (job_id, written_at) VALUES ('%s', now())`, id))
	r.Exec(fmt.Sprintf(`INSERT INTO job_outcomes (job_id, n, id_number, result) VALUES ('%s', 2, '8001015009087',
  'inserted')`, id))
	want("written", "alice member", id+" 2")
	r.addToIndex(id, r.Key, "8001015009087", "9001010001088")
	want("in the index", "alice member", id+" 2", id+" 5")
	want("in the index", "carol national_admin", id+" 2", id+" 5")
	want("of another area", "bob ward_admin ward=79800001")
	want("somebody else's job", "bob member")
	if rows, a := r.story("alice member", `{"id_number": "8001015009087", "as_of": "2020-01-01T00:00:00Z"}`); rows != nil {
		t.Errorf("as of a day before: %s", a.Raw)
	}
	if rows, a := r.story("alice member", `{"id_number": "8506155000084"}`); rows != nil {
		t.Errorf("somebody whom neither index has: %s", a.Raw)
	}

	// An erasure takes the person out of both.
	r.Exec(`DELETE FROM job_outcomes`)
	r.addToIndex(id, r.Key, "9001010001088")
	want("erased", "alice member")
	other, err := person.NewKey(person.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	r.addToIndex(id, other, "8001015009087")
	want("an index of another key", "alice member")
	if logs := r.Logs.String(); !strings.Contains(logs, "story read") || strings.Contains(logs, "8001015009087") {
		t.Errorf("logged: %s", logs)
	}
	looks := 0
	for a, err := range events.ReadAccesses(t.Context(), eventstest.Connect(t, r.NATS, eventstest.Owner), "") {
		if err != nil {
			t.Fatal(err)
		}
		if a.What == events.AccessStory && (a.Person == r.Key.Hash("8001015009087") ||
			a.Person == r.Key.Hash("8506155000084")) {
			looks++
		}
	}
	if looks != 10 {
		t.Errorf("%d looks of 10 are in the audit", looks)
	}
}
