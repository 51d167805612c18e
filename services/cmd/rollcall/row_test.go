package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// row asks for the history of a row.
func (r *goldenRig) row(job events.Job, n int) (told rowHistory, accepted bool) {
	r.t.Helper()
	text := mustRun(r.t, "row", job.ID, fmt.Sprint(n), "--json", "--server", r.up.url(), "--token", r.token)
	var also struct{ Accepted bool }
	for _, to := range []any{&told, &also} {
		if err := json.Unmarshal([]byte(text), to); err != nil {
			r.t.Fatal(err)
		}
	}
	return told, also.Accepted
}

// The history of each row agrees with the artifacts, the table and the report.
func TestRowHistoryAgreesWithWhatWasStored(t *testing.T) {
	t.Parallel()
	r := newGoldenRig(t)
	job := r.run(r.file("hostile.xlsx"))
	store := r.artifacts()
	codes := map[string]bool{}
	for reject, err := range records.Each[records.RejectedRow](t.Context(), store, job.Validated.Rejects, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if codes[reject.Code] {
			continue
		}
		codes[reject.Code] = true
		told, accepted := r.row(job, reject.N)
		if accepted || told.IEC.Status != "none" || told.Database.Result != "none" || told.IEC.Why == "" ||
			len(told.Sheets) < 2 || told.Sheets[len(told.Sheets)-1].Name != "All Uploaded Rows" {
			t.Errorf("row %d (%s): %+v", reject.N, reject.Code, told)
		}
		reached := true
		for _, rule := range told.Rules {
			want := map[bool]string{true: "passed", false: "not_reached"}[reached]
			if rule.Rule == reject.Code {
				want, reached = "failed", false
			}
			if rule.Answer != want || (want == "failed") != (rule.Message == reject.Message) {
				t.Errorf("row %d (%s): rule %+v, want %s", reject.N, reject.Code, rule, want)
			}
		}
	}
	if len(codes) != 5 {
		t.Errorf("only rejects of %v", codes)
	}
	sheets := map[string]string{records.Inserted: "New Members", records.Refused: "Database Errors"}
	for o, err := range records.Each[records.Outcome](t.Context(), store, job.Persisted.Outcomes, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if sheets[o.Result] == "" {
			continue
		}
		told, accepted := r.row(job, o.N)
		if !accepted || told.Database.Result != o.Result || told.Database.Why != o.Error || told.Database.VDCode != o.VD ||
			told.IEC.Status == "none" {
			t.Errorf("row %d: %+v, outcome %+v", o.N, told, o)
		}
		on := fmt.Sprint(told.Sheets)
		if !strings.Contains(on, sheets[o.Result]) {
			t.Errorf("row %d is on %s", o.N, on)
		}
		delete(sheets, o.Result)
	}
	if len(sheets) != 0 {
		t.Errorf("no row for %v", sheets)
	}

	// The same person with another name: the history has the overwritten value.
	var id string
	for row, err := range records.Each[records.Row](t.Context(), store, job.Validated.Rows, nil) {
		if err != nil {
			t.Fatal(err)
		}
		id = row.ID
		break
	}
	again := r.run(r.csv("ID Number,Firstname\n" + id + ",Somebody Else\n"))
	told, _ := r.row(again, 2)
	if told.Database.Result != records.Updated || told.Database.After["firstname"] != "Somebody Else" ||
		told.Database.Before["firstname"] == nil ||
		!told.IEC.Kept || told.Cells[1].Field != "firstname" || told.Cells[1].Value != "Somebody Else" {
		t.Errorf("updated: %+v", told)
	}
	said := mustRun(t, "row", again.ID, "2", "--server", r.up.url(), "--token", r.token)
	for _, want := range []string{"rule      checksum: passed.\n", "-> Somebody Else\n",
		"report    Existing Members (Updated), row 2\n"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said:\n%s", want, said)
		}
	}
	for _, bad := range []string{"1", "5000", "0"} {
		if _, err := runCommand(t, "row", again.ID, bad, "--server", r.up.url(), "--token", r.token); err == nil {
			t.Errorf("row %s is told", bad)
		}
	}
}

// csv writes a roll to a file, to be uploaded.
func (r *goldenRig) csv(text string) string {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "roll.csv")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return file
}
